package log

import (
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestReadHeaders reads ahead all headers there are, and stops when told to.
func TestReadHeaders(t *testing.T) {
	list, id := logged(t, vfs.NewMem(), 3, 100, 5000, 0, 30_000)
	var stopped atomic.Bool
	for _, s := range list[:3] {
		if n := readHeaders(id, s, &stopped); n != 4 {
			t.Errorf("%d headers of 4 records", n)
		}
	}
	stopped.Store(true)
	if n := readHeaders(id, list[0], &stopped); n != 0 {
		t.Errorf("%d headers after the end", n)
	}
}

// TestReadAhead reads ahead in a list that counts as long enough, and ends.
func TestReadAhead(t *testing.T) {
	list, id := logged(t, vfs.NewMem(), 12, 100, 5000)
	var long []*Segment
	for _, s := range list {
		long = append(long, &Segment{ID: s.ID, File: s.File, Size: readAheadFrom})
	}
	ReadAhead(id, long)()
}
