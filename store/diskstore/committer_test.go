package diskstore

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestAbandoned cancels puts while the committer waits for the disk: the one
// that it did not get to is withdrawn, so that its caller may reuse the bytes,
// those that it took up land.
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
	large := func(seed uint64) store.Item { return storetest.Torrent(storetest.V1, seed, maxGroupBytes, 0) }
	synced, written, waiting := large(1), large(2), large(3)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 3)
	put := func(item store.Item) { results <- s.Put(ctx, []store.Item{item})[0].Err }
	go put(synced)
	<-syncing
	go put(written) // fills the next group
	until(func() bool { return writtenThrough(s) >= 2*maxGroupBytes })
	go put(waiting)
	until(func() bool { return s.committer.queue.length() == 1 })
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

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// writtenThrough returns the size of the first segment's file.
func writtenThrough(s *Store) int64 {
	info, err := s.segments.Get(1).File.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// TestHighestSequenceWins applies records out of order, as copies of them come:
// the highest sequence says what is removed, the highest put where the bytes are.
func TestHighestSequenceWins(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	item := faultTorrent(1)
	record := func(sequence uint64, kind store.ChangeKind) *format.Header {
		return &format.Header{Kind: kind, Sequence: sequence, Names: format.NamesOf(item.IDs), IDs: item.IDs}
	}
	c := newChangeSet(s.options, s.index, nil, index.State{})
	steps := []struct {
		h              *format.Header
		sequence, step uint64 // of the step whose place the bytes are at
		removed        bool
	}{
		{record(5, store.ChangeReplaced), 5, 0, false},
		{record(3, store.ChangeAdded), 5, 0, false},
		{record(5, store.ChangeReplaced), 5, 2, false}, // a copy
		{record(4, store.ChangeRemoved), 5, 2, false},
		{record(7, store.ChangeRemoved), 7, 2, true},
		{record(5, store.ChangeReplaced), 7, 5, true}, // a copy of what is removed
		{record(6, store.ChangeRestored), 7, 5, true},
		{record(8, store.ChangeRestored), 8, 5, false},
		{record(5, store.ChangeReplaced), 8, 8, false}, // a copy of what was restored
		{record(7, store.ChangeRemoved), 8, 8, false},
	}
	for i, step := range steps {
		if err := c.apply(step.h, format.Place{Segment: 1, Offset: int64(i)}, store.Removal{}); err != nil {
			t.Fatal(err)
		}
		e, err := c.get(item.IDs.Primary())
		if err != nil || e.Sequence != step.sequence || e.At.Offset != int64(step.step) || e.Removed != step.removed {
			t.Errorf("step %d: %+v, %v; want %+v", i, e, err, step)
		}
	}
}
