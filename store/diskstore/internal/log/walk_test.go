package log

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// TestWalkReadsAhead walks through a segment of many small records, and counts reads:
// a record costs much less than one.
func TestWalkReadsAhead(t *testing.T) {
	var reads atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, format.SegmentName(1)) {
			reads.Add(1)
		}
		return nil
	}))
	sizes := slices.Repeat([]int{1000}, 1000)
	sizes[500] = 2 * windowSize // does not fit in
	list, id := logged(t, fs, 1, sizes...)
	s := list[0]
	reads.Store(0)
	seen := 0
	left, err := s.Walk(t.Context(), id, format.SegmentStart, s.end, func(file vfs.File, h *format.Header, at int64) error {
		body, err := ReadBody(file, h, at)
		if err == nil && len(body) == sizes[seen] {
			seen++
		}
		return err
	})
	if err != nil || len(left) > 0 || seen != len(sizes) {
		t.Errorf("walk saw %d of %d records, %v, %v", seen, len(sizes), left, err)
	}
	if n := reads.Load(); n > s.end/windowSize+5 {
		t.Errorf("%d reads of a segment of %d bytes with %d records", n, s.end, len(sizes))
	}
}
