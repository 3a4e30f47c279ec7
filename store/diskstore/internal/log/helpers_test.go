package log

import (
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// logged returns segments on fs, each with records whose bodies have these sizes, and one more
// without any. They are closed when the test ends.
func logged(t *testing.T, fs vfs.FS, count int, sizes ...int) (list []*Segment, id format.StoreID) {
	t.Helper()
	s := New(Options{FS: fs, Dir: "/store", Logger: slog.New(slog.DiscardHandler), Clock: time.Now})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	list, is, err := s.Load(func() (Witness, error) { return Witness{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	for range count {
		active := list[len(list)-1]
		end := writeAll(t, active, is.Store, sizes)
		next, err := s.Create(format.SegmentHeader{
			Store: is.Store, Segment: active.ID + 1, Epoch: is.Epoch, Previous: active.ID, PreviousEnd: end,
		}, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.Seal(active, end)
		list = append(list, next)
	}
	return list, is.Store
}

// writeAll writes records to a new segment, and returns where they end.
func writeAll(t *testing.T, s *Segment, id format.StoreID, sizes []int) int64 {
	t.Helper()
	end := int64(format.SegmentStart)
	for i, size := range sizes {
		body := make([]byte, size)
		h := format.Header{
			Kind: format.KindValue, Store: id, Segment: s.ID, Sequence: uint64(i + 1), BodySum: format.Checksum(body),
		}
		if err := files.WriteRecords(s.File, format.AppendRecord(nil, &h, body), end); err != nil {
			t.Fatal(err)
		}
		end += h.Size()
	}
	return end
}
