//go:build e2e

package histories

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// honestSource calls a random node each time, over a connection that may break. At times it
// cannot read some of its torrents.
type honestSource simulation

// Changes implements [mirror.Source].
func (h *honestSource) Changes(ctx context.Context, after string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error] {
	return received(ctx, (*simulation)(h), func(ctx context.Context, c torrentcachev1.SyncServiceClient) (receiver[torrentcachev1.WatchChangesResponse], error) {
		return c.WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{AfterCursor: after})
	})
}

// ReadTorrents implements [mirror.Source].
func (h *honestSource) ReadTorrents(ctx context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error] {
	s, request := (*simulation)(h), &torrentcachev1.ReadTorrentsRequest{}
	for _, id := range ids {
		request.InfoHashes = append(request.InfoHashes, id.String())
	}
	answers := received(ctx, s, func(ctx context.Context, c torrentcachev1.SyncServiceClient) (receiver[torrentcachev1.ReadTorrentsResponse], error) {
		return c.ReadTorrents(ctx, request)
	})
	return func(yield func(*torrentcachev1.ReadTorrentsResponse, error) bool) {
		for answer, err := range answers {
			if len(answer.GetTorrent()) > 0 && s.cannotRead(answer.GetInfoHash()) {
				answer = &torrentcachev1.ReadTorrentsResponse{InfoHash: answer.GetInfoHash(), Error: &torrentcachev1.ItemError{Reason: "OVERLOADED"}}
			}
			if !yield(answer, err) {
				return
			}
		}
	}
}

// cannotRead reports whether the source cannot read a torrent at this time. Each third of the
// torrents is unreadable for half a minute in turn, until a minute after the clients have ended.
func (s *simulation) cannotRead(hash string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	isOver := !s.ended.IsZero() && time.Since(s.ended) > time.Minute
	return !isOver && int(hash[0])%3 == int(time.Since(s.begun)/(30*time.Second))%3
}

// receiver is a stream of answers.
type receiver[T any] interface{ Recv() (*T, error) }

// received returns the answers to a call of a random node, until the connection breaks.
func received[T any](ctx context.Context, s *simulation, call func(context.Context, torrentcachev1.SyncServiceClient) (receiver[T], error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		answers, err := call(ctx, s.node(s.pick(simulatedNodes)).sync)
		for err == nil {
			var answer *T
			if answer, err = answers.Recv(); err == nil && s.fault() != "" {
				err = errLost
			}
			if err == nil && !yield(answer, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// lyingSource reports changes that did not happen, and returns wrong bytes for torrents. It does
// not report removals, because a mirror believes its sources about those.
type lyingSource simulation

// Changes implements [mirror.Source].
func (l *lyingSource) Changes(ctx context.Context, _ string) iter.Seq2[*torrentcachev1.WatchChangesResponse, error] {
	s := (*simulation)(l)
	return func(yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
		for ctx.Err() == nil && s.pick(30) > 0 {
			news := &torrentcachev1.WatchChangesResponse{Cursor: strings.Repeat("x", s.pick(64)), Restarted: s.pick(2) == 0}
			for range s.pick(3) {
				ids := s.items[s.pick(simulatedTorrents)][0].IDs
				news.Changes = append(news.Changes, &torrentcachev1.Change{
					Kind: torrentcachev1.ChangeKind(s.pick(9)), InfoHash: ids.Primary().String(), InfoHashV1: ids.V1.String(), InfoHashV2: ids.V2.String(),
				})
			}
			if !yield(news, nil) {
				return
			}
			time.Sleep(time.Duration(s.pick(1000)) * time.Millisecond)
		}
		yield(nil, errLost)
	}
}

// ReadTorrents implements [mirror.Source].
func (l *lyingSource) ReadTorrents(_ context.Context, ids []infohash.ID) iter.Seq2[*torrentcachev1.ReadTorrentsResponse, error] {
	s := (*simulation)(l)
	return func(yield func(*torrentcachev1.ReadTorrentsResponse, error) bool) {
		for _, id := range ids {
			answer := &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Rank: 1000}
			switch s.pick(3) {
			case 0:
				answer.Torrent = torrenttest.V1("of the liar") // no id is that of this torrent
			case 1:
				answer.Torrent = []byte("d4:infod")
			default:
				answer.Error = &torrentcachev1.ItemError{Reason: "TORRENT_NOT_FOUND"}
			}
			if !yield(answer, nil) {
				return
			}
		}
	}
}
