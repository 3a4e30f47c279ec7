package server

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// longFeed is a store that tells of so many changes.
type longFeed struct {
	store.Store
	length atomic.Uint64
	fails  atomic.Bool
}

func (f *longFeed) End(context.Context) (store.Cursor, error) {
	return store.Cursor{Epoch: 1, Sequence: 100 * f.length.Load()}, nil // with gaps
}

func (f *longFeed) Changes(_ context.Context, after store.Cursor, n int) ([]store.Change, store.Cursor, error) {
	if f.fails.Load() {
		return nil, store.Cursor{}, store.ErrUnavailable
	}
	left := int(f.length.Load() - after.Sequence/100)
	changes := make([]store.Change, min(n, left))
	for i := range changes {
		changes[i] = store.Change{Kind: store.ChangeAdded, IDs: infohash.Set{V1: infohash.V1([20]byte{1})}}
	}
	return changes, store.Cursor{Epoch: 1, Sequence: after.Sequence + 100*uint64(len(changes))}, nil
}

// stuckStream is a stream whose watcher takes an answer for each value in take.
type stuckStream struct {
	grpc.ServerStream
	ctx   context.Context
	take  chan struct{}
	taken int
}

func (s *stuckStream) Context() context.Context { return s.ctx }

func (s *stuckStream) Send(*torrentcachev1.WatchChangesResponse) error { panic("SendMsg is used") }

func (s *stuckStream) SendMsg(any) error {
	select {
	case <-s.take:
		s.taken++
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// A watcher that takes no changes stays until more than maxUnsent changes were made meanwhile,
// however long that takes and however many changes there were before.
func TestWatchChangesEndsByCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		feed := &longFeed{}
		feed.length.Store(5 * maxUnsent)
		s := New(Options{Store: feed})
		stream := &stuckStream{ctx: ctx, take: make(chan struct{})}
		ended := make(chan error, 1)
		go func() { ended <- s.WatchChanges(&torrentcachev1.WatchChangesRequest{}, stream) }()
		stays := func(when string) {
			t.Helper()
			time.Sleep(time.Hour)
			synctest.Wait()
			select {
			case err := <-ended:
				t.Fatalf("%s the stream ended: %v", when, err)
			default:
			}
		}
		stays("far behind")
		feed.length.Add(maxUnsent)
		stays("with as many unsent changes as there may be")
		feed.fails.Store(true)
		stays("while the feed cannot be read")
		feed.fails.Store(false)
		stays("when the feed can be read again")
		stream.take <- struct{}{}
		stays("after an answer was taken")
		feed.length.Add(maxUnsent + 1)
		time.Sleep(poll)
		e := reason.Of(<-ended)
		if e == nil || e.Reason != reason.Overloaded || s.Limits.Stats().Refused["unsent_changes"] != 1 || stream.taken != 1 {
			t.Errorf("got %v, %v, %d answers were taken", e, s.Limits.Stats().Refused, stream.taken)
		}
	})
}
