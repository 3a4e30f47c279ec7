package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

const (
	// heartbeat is how often a watcher hears something, as the API promises.
	heartbeat = 500 * time.Millisecond

	// poll is how often the store is asked for changes that others made in it.
	poll = heartbeat / 2

	// watchBatch bounds the changes of one answer: about 100 KB.
	watchBatch = 1000

	// maxUnsent is how many changes may be made while a watcher takes no answer: then its
	// stream ends.
	maxUnsent = 10_000

	// cursorNow stands for the end of the feed, for watchers who have no copies.
	cursorNow = "now"
)

type watchStream = grpc.ServerStreamingServer[torrentcachev1.WatchChangesResponse]

// WatchChanges implements SyncService. An answer without changes says that there
// are no more at this moment; the first one comes as soon as that is so. Changes
// made through this server are sent at once, others when the store is polled. A
// watcher that does not read costs the memory of two batches, and its stream ends
// after maxUnsent changes. One that catches up may take as long as it likes for each answer.
func (s *Server) WatchChanges(req *torrentcachev1.WatchChangesRequest, stream watchStream) error {
	ctx := stream.Context()
	cursor, err := s.startCursor(ctx, req.GetAfterCursor())
	if err != nil {
		return err
	}
	timer := time.NewTimer(poll)
	defer timer.Stop()
	var spoken time.Time // when the watcher last heard that there were no more
	for {
		changed := s.notifier.next() // before the feed is read, so that no change falls between
		changes, next, err := s.Store.Changes(ctx, cursor, watchBatch)
		if err != nil {
			return api.StoreError(err, infohash.ID{}).OnRead()
		}
		if len(changes) > 0 || time.Since(spoken) >= heartbeat-poll/2 {
			answer, end := watchResponse(changes, cursor, next), next
			if len(changes) > 0 {
				if end, err = s.Store.End(ctx); err != nil {
					return api.StoreError(err, infohash.ID{}).OnRead()
				}
				answer.RemainingCount = between(next, end)
			}
			if err := s.sendChanges(stream, answer, end); err != nil {
				return err
			}
		}
		cursor = next
		if len(changes) > 0 {
			continue // the next answer is empty, or has the changes made meanwhile
		}
		if time.Since(spoken) >= heartbeat-poll/2 {
			spoken = time.Now()
		}
		timer.Reset(poll)
		select {
		case <-changed:
			spoken = time.Time{}
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// between returns about how many changes come after cursor and not after end: sequences have gaps.
func between(cursor, end store.Cursor) int64 {
	if end.Epoch != cursor.Epoch {
		return 0
	}
	return max(0, int64(end.Sequence-cursor.Sequence))
}

// sendChanges sends answer. It returns OVERLOADED if more than maxUnsent changes come after end,
// which is where the feed ends now, before the watcher takes it. Those before end do not count: a
// watcher that is far behind catches up as fast as it can. A feed that cannot be read meanwhile
// says nothing about the watcher, and does not end its stream.
func (s *Server) sendChanges(stream watchStream, answer *torrentcachev1.WatchChangesResponse, end store.Cursor) error {
	ctx := stream.Context()
	unsent := 0
	return send(stream, answer, func() error {
		var n int
		if n, end = s.countChanges(ctx, end, maxUnsent+1-unsent); n > maxUnsent-unsent {
			return s.Limits.Unsent(maxUnsent)
		}
		unsent += n
		return nil
	})
}

// countChanges returns how many changes come after cursor, and the cursor after them. It stops when
// there are at least most of them, or when the feed cannot be read. Sequences have gaps, so they do
// not tell.
func (s *Server) countChanges(ctx context.Context, cursor store.Cursor, most int) (int, store.Cursor) {
	n := 0
	for n < most {
		changes, next, err := s.Store.Changes(ctx, cursor, watchBatch)
		if err != nil || len(changes) == 0 {
			break
		}
		n, cursor = n+len(changes), next
	}
	return n, cursor
}

// send sends answer. While the caller does not take it, waiting is called every now and then; its
// error ends the wait, and the end of the call ends the SendMsg.
func send(stream grpc.ServerStream, answer any, waiting func() error) error {
	sent := make(chan error, 1)
	go func() { sent <- stream.SendMsg(answer) }()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case err := <-sent:
			return err
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-tick.C:
		}
		if err := waiting(); err != nil {
			return err
		}
	}
}

func watchResponse(changes []store.Change, cursor, next store.Cursor) *torrentcachev1.WatchChangesResponse {
	answer := &torrentcachev1.WatchChangesResponse{
		Changes:   make([]*torrentcachev1.Change, len(changes)),
		Cursor:    next.String(),
		Restarted: cursor != store.Cursor{} && cursor.Epoch != next.Epoch,
	}
	for i, c := range changes {
		answer.Changes[i] = &torrentcachev1.Change{
			Kind:       torrentcachev1.ChangeKind(c.Kind), // they have the same numbers, also those of newer programs
			InfoHash:   c.IDs.Primary().String(),
			InfoHashV1: c.IDs.V1.String(),
			InfoHashV2: c.IDs.V2.String(),
			ChangeTime: timestamppb.New(c.Time),
		}
	}
	return answer
}

// startCursor reads the text of a cursor.
func (s *Server) startCursor(ctx context.Context, text string) (store.Cursor, error) {
	if text != cursorNow {
		return parseCursor(text)
	}
	end, err := s.Store.End(ctx)
	if err != nil {
		return store.Cursor{}, api.StoreError(err, infohash.ID{}).OnRead()
	}
	return end, nil
}

func parseCursor(text string) (store.Cursor, error) {
	c, ok := store.ParseCursor(text)
	if !ok {
		return store.Cursor{}, reason.New(reason.RequestInvalid, "%s is no cursor; use one of an earlier answer, or none", api.Quote(text)).On("after_cursor")
	}
	return c, nil
}
