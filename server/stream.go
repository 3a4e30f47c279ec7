package server

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

// Bounds of the uploads of one stream that wait for their commit. The server does not read from a
// stream that reaches a bound, so that HTTP/2 flow control holds its client back. A single item
// may pass the bound of bytes, or large torrents would never fit.
const (
	maxStreamItems = 4096
	maxStreamBytes = 16 << 20
)

type uploadStream = grpc.BidiStreamingServer[torrentcachev1.CacheTorrentsRequest, torrentcachev1.CacheTorrentsResponse]

// CacheTorrents implements CacheService. One goroutine receives and parses, a second one stores:
// while a batch is made durable the next one gathers, so the slower the disk, the more items share
// a commit. The server does not read from a client that does not read its results.
func (s *Server) CacheTorrents(stream uploadStream) error {
	queue := newUploadQueue(maxStreamItems, maxStreamBytes)
	answered, received := make(chan error, 1), make(chan error, 1)
	go func() {
		defer queue.abort()
		answered <- s.answerUploads(stream, queue)
	}()
	// Its last Recv ends with the stream.
	go func() { received <- s.receiveUploads(stream, queue) }()
	var err error
	select {
	case err = <-received:
	case <-stream.Context().Done():
		err = context.Cause(stream.Context())
	case <-rpc.Quitting(stream.Context()):
		err = reason.New(reason.Overloaded, "the server is shutting down: send the items that have no result again")
	}
	queue.close()
	defer func() { release(queue.take()) }() // the uploads that nothing stores any more
	// The uploads received before the end are still stored and answered.
	if err := <-answered; err != nil {
		return err
	}
	return err
}

// receiveUploads queues the client's uploads until the client has sent all (nil), the stream
// breaks, or nobody answers any more (nil: the answering side knows why).
func (s *Server) receiveUploads(stream uploadStream, queue *uploadQueue) error {
	ctx := stream.Context()
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = s.undecoded(req.GetTorrent()) // its item ID is not known either
		}
		if err != nil {
			return err
		}
		if err := s.Limits.AwaitUpload(ctx, rpc.Caller(ctx)); err != nil {
			return err
		}
		u := s.readUpload(ctx, req)
		if !queue.push(u) {
			u.reserved.Release()
			return nil
		}
	}
}

// readUpload parses one item. A mistake in the item becomes the item's own error.
func (s *Server) readUpload(ctx context.Context, req *torrentcachev1.CacheTorrentsRequest) *upload {
	u := &upload{itemID: req.GetItemId(), size: len(req.GetTorrent()), rank: rank(ctx, req.GetFetched())}
	u.err = rpc.Safely(func() (err error) {
		u.torrent, u.reserved, err = s.receive(ctx, req, true)
		return err
	})
	if u.err == nil {
		u.size = len(u.torrent.Bytes())
	}
	return u
}

// answerUploads stores the queued uploads, batch by batch, and sends the results.
func (s *Server) answerUploads(stream uploadStream, queue *uploadQueue) error {
	for {
		batch := queue.take()
		if len(batch) == 0 {
			return nil
		}
		err := rpc.Safely(func() error {
			s.storeUploads(stream.Context(), batch)
			return nil
		})
		if err != nil {
			failUnanswered(batch, err)
		}
		s.tellUploads(stream.Context(), batch)
		for _, u := range batch {
			if err := stream.Send(uploadResult(u)); err != nil {
				return err
			}
		}
		queue.done(batch)
	}
}

// storeUploads gives each upload of the batch its outcome or error. All of them
// go to the store in one put, and those that outrank a stored torrent in a second
// one; the few that may complete a stored torrent, or take over its piece layers,
// go through keep, one by one.
func (s *Server) storeUploads(ctx context.Context, batch []*upload) {
	defer release(batch)
	items, parsed := make([]store.Item, 0, len(batch)), make([]*upload, 0, len(batch))
	for _, u := range batch {
		if u.err == nil {
			u.settle, u.err = s.pass(ctx, u.torrent)
		}
		if u.err == nil {
			items, parsed = append(items, item(ctx, u.torrent, u.rank)), append(parsed, u)
		}
	}
	if len(items) == 0 {
		return
	}
	results := s.Store.Put(ctx, items)
	s.replaceAll(ctx, parsed, results)
	for i, result := range results {
		s.settle(ctx, parsed[i], result)
	}
}

// release frees the memory of the batch as soon as the batch is stored. It does not wait until the
// client has read the results.
func release(batch []*upload) {
	for _, u := range batch {
		u.reserved.Release()
	}
}

// settle turns the store's result into the upload's.
func (s *Server) settle(ctx context.Context, u *upload, result store.Result) {
	ids := u.torrent.IDs()
	u.settle(result.Err == nil && result.Outcome == store.Created)
	switch {
	case result.Err != nil:
		u.err = api.TorrentError(result.Err, ids.Primary(), s.Contact)
	case result.Outcome == store.Outranked:
		u.outcome, u.err = s.keep(ctx, u.torrent, u.rank)
	case result.Outcome == store.AlreadyCached && !ids.V2.IsZero():
		if u.outcome, u.err = s.completed(ctx, u.torrent); u.err != nil {
			u.outcome, u.err = s.keep(ctx, u.torrent, u.rank)
		}
	default:
		u.outcome = outcomes[result.Outcome]
	}
}

// failUnanswered gives err to the uploads that have neither outcome nor error.
func failUnanswered(batch []*upload, err error) {
	for _, u := range batch {
		if u.err == nil && u.outcome == torrentcachev1.Outcome_OUTCOME_UNSPECIFIED {
			u.err = err
		}
	}
}

func (s *Server) tellUploads(ctx context.Context, batch []*upload) {
	errs := make([]error, len(batch))
	for i, u := range batch {
		errs[i] = u.err
	}
	s.Items.Tell(ctx, torrentcachev1.CacheService_CacheTorrents_FullMethodName, errs)
}

// upload is one item of a stream on its way.
type upload struct {
	itemID   uint64
	size     int // bytes held
	rank     store.Rank
	torrent  *metainfo.Torrent  // nil if err was set on reading
	reserved *limit.Reservation // of its memory until it is stored; nil if torrent is nil
	settle   func(isNew bool)   // of [Server.pass]
	outcome  torrentcachev1.Outcome
	err      error
}

// uploadResult is the upload as the client sees it.
func uploadResult(u *upload) *torrentcachev1.CacheTorrentsResponse {
	answer := &torrentcachev1.CacheTorrentsResponse{ItemId: u.itemID}
	if u.err != nil {
		answer.Result = &torrentcachev1.CacheTorrentsResponse_Error{Error: rpc.ItemError(u.err)}
		return answer
	}
	answer.Result = &torrentcachev1.CacheTorrentsResponse_Cached{Cached: cachedResponse(u.torrent.IDs(), u.outcome)}
	return answer
}
