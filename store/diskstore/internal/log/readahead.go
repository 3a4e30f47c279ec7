package log

import (
	"sync"
	"sync/atomic"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

const (
	// readAheadFrom is how many bytes of segments must await replay for them to be read ahead.
	readAheadFrom = 256 << 20
	// readAheadSegments is how many segments are read at the same time.
	readAheadSegments = 8
)

// ReadAhead begins to read the headers of sealed segments into the page cache, before replay
// gets to them one after the other: a disk serves several reads at a time. The returned function
// stops it.
func ReadAhead(id format.StoreID, list []*Segment) (stop func()) {
	if Size(list) < readAheadFrom {
		return func() {}
	}
	var next atomic.Int64
	var stopped atomic.Bool
	var readers sync.WaitGroup
	for range readAheadSegments {
		readers.Go(func() {
			for n := next.Add(1); n <= int64(len(list)) && !stopped.Load(); n = next.Add(1) {
				readHeaders(id, list[n-1], &stopped)
			}
		})
	}
	return func() {
		stopped.Store(true)
		readers.Wait()
	}
}

// readHeaders reads the headers of a segment and returns their number. It ends at the first
// error, which replay will find and report.
func readHeaders(id format.StoreID, s *Segment, stopped *atomic.Bool) (n int) {
	scan := NewScanner(s, id, s.Size, false)
	for at := int64(format.SegmentStart); !stopped.Load(); n++ {
		h, err := scan.read(at)
		if err != nil {
			return n
		}
		at += h.Size()
	}
	return n
}

// Size returns the total size of the files of list.
func Size(list []*Segment) (sum int64) {
	for _, s := range list {
		sum += s.Size
	}
	return sum
}
