package diskstore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestAbandoned cancels puts while the committer waits for the disk. The put that it did not get to
// is withdrawn, so that its caller may reuse the bytes. The puts that it took up land.
func TestAbandoned(t *testing.T) {
	syncing, proceed := make(chan struct{}), make(chan struct{})
	var blocked atomic.Bool
	// The mark is synced as well, whenever its time comes: only segments are held back.
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, format.SegmentSuffix) && !blocked.Swap(true) {
			syncing <- struct{}{}
			<-proceed
		}
		return nil
	}))
	o := onDisk(fs, "/store")
	o.SegmentSize = 16 << 20
	s := mustOpen(t, o)
	large := func(seed uint64) store.Item { return storetest.Torrent(storetest.V1, seed, commit.MaxGroupBytes, 0) }
	synced, written, waiting := large(1), large(2), large(3)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 3)
	put := func(ctx context.Context, item store.Item) { results <- s.Put(ctx, []store.Item{item})[0].Err }
	go put(ctx, synced)
	<-syncing
	go put(ctx, written) // fills the next group
	until(func() bool { return writtenThrough(s) >= 2*commit.MaxGroupBytes })
	waits := &waited{Context: ctx, begun: make(chan struct{})}
	go put(waits, waiting)
	<-waits.begun
	cancel()
	for range cap(results) {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("Put = %v, want context.Canceled", err)
		}
	}
	for _, item := range []store.Item{synced, written, waiting} {
		clear(item.Torrent)
	}
	close(proceed)
	mustClose(t, s)
	s = mustOpen(t, s.options)
	serves(t, s, large(1))
	serves(t, s, large(2))
	if _, err := s.Get(t.Context(), waiting.IDs.Primary(), nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what was withdrawn = %v", err)
	}
}

// until returns when done says so.
func until(done func() bool) {
	for !done() {
		runtime.Gosched()
	}
}

// waited is a context that tells when somebody waits for its end. A put does so once
// the committer has its change.
type waited struct {
	context.Context
	once  sync.Once
	begun chan struct{} // closed then
}

func (w *waited) Done() <-chan struct{} {
	w.once.Do(func() { close(w.begun) })
	return w.Context.Done()
}

// writtenThrough returns the size of the first segment's file.
func writtenThrough(s *Store) int64 {
	info, err := s.segments.Get(1).File.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}
