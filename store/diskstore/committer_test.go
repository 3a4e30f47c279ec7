package diskstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
)

// TestAbandoned cancels puts while the committer waits for the disk: the one
// that waits behind it is withdrawn, so that its caller may reuse the bytes,
// the one that is being written lands.
func TestAbandoned(t *testing.T) {
	syncing, proceed := make(chan struct{}), make(chan struct{})
	var blocked atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && !blocked.Swap(true) {
			syncing <- struct{}{}
			<-proceed
		}
		return nil
	}))
	s := mustOpen(t, onDisk(fs, "/store"))
	writing, waiting := faultTorrent(1), faultTorrent(2)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	put := func(item store.Item) { results <- s.Put(ctx, []store.Item{item})[0].Err }
	go put(writing)
	<-syncing
	queued := make(chan struct{})
	go func() {
		close(queued)
		put(waiting)
	}()
	<-queued
	cancel()
	for range 2 {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("Put = %v, want context.Canceled", err)
		}
	}
	clear(writing.Torrent)
	clear(waiting.Torrent)
	close(proceed)
	if _, err := s.Get(t.Context(), waiting.IDs.Primary()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what was withdrawn = %v", err)
	}
	mustClose(t, s)
	s = mustOpen(t, s.options)
	serves(t, s, faultTorrent(1))
	if _, err := s.Get(t.Context(), waiting.IDs.Primary()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of what was withdrawn = %v", err)
	}
}

// TestHighestSequenceWins applies records out of order, as copies of them come:
// the highest sequence says what is removed, the highest put where the bytes are.
func TestHighestSequenceWins(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	item := faultTorrent(1)
	record := func(sequence uint64, kind store.ChangeKind) *header {
		return &header{kind: kind, sequence: sequence, names: namesOf(item.IDs), ids: item.IDs}
	}
	c := newChangeSet(s.index, state{})
	steps := []struct {
		h              *header
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
		if err := c.apply(step.h, location{segment: 1, offset: int64(i)}, store.Removal{}); err != nil {
			t.Fatal(err)
		}
		e, err := c.get(item.IDs.Primary())
		if err != nil || e.sequence != step.sequence || e.at.offset != int64(step.step) || e.removed != step.removed {
			t.Errorf("step %d: %+v, %v; want %+v", i, e, err, step)
		}
	}
}
