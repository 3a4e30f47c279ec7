package commit

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestHighestSequenceWins applies records out of order, as copies of them come: the highest
// sequence says whether the torrent is removed, the highest put where the bytes are.
func TestHighestSequenceWins(t *testing.T) {
	x, err := index.Open(index.Options{FS: vfs.NewMem(), Dir: "/store", Logger: slog.New(slog.DiscardHandler), CacheSize: 1 << 20}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	item := storetest.Torrent(storetest.V1, 1, 1000, 0)
	record := func(sequence uint64, kind store.ChangeKind) *format.Header {
		return &format.Header{Kind: kind, Sequence: sequence, Names: format.NamesOf(item.IDs), IDs: item.IDs}
	}
	c := NewChangeSet(false, x, nil, index.State{})
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
		{record(5, store.ChangeReplaced), 7, 5, true}, // a copy of the removed torrent
		{record(6, store.ChangeRestored), 7, 5, true},
		{record(8, store.ChangeRestored), 8, 5, false},
		{record(5, store.ChangeReplaced), 8, 8, false}, // a copy of the restored torrent
		{record(7, store.ChangeRemoved), 8, 8, false},
	}
	for i, step := range steps {
		if err := c.Apply(step.h, format.Place{Segment: 1, Offset: int64(i)}, store.Removal{}); err != nil {
			t.Fatal(err)
		}
		e, err := c.Get(item.IDs.Primary())
		if err != nil || e.Sequence != step.sequence || e.At.Offset != int64(step.step) || e.Removed != step.removed {
			t.Errorf("step %d: %+v, %v; want %+v", i, e, err, step)
		}
	}
}
