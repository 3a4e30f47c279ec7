package diskstore

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// segmentsDir is the folder of the segment files.
const segmentsDir = "segments"

// segments are the open segment files of a store. Safe for concurrent use.
type segments struct {
	options Options
	fs      vfs.FS
	dir     string
	sealed  chan struct{} // has a token when a segment was sealed that nobody looked at

	mu   sync.RWMutex
	open map[uint64]*segment
}

func newSegments(o Options) *segments {
	return &segments{
		options: o, fs: o.FS, dir: o.FS.PathJoin(o.Dir, segmentsDir),
		sealed: make(chan struct{}, 1), open: map[uint64]*segment{},
	}
}

// create makes the file of a new segment, durably, and adds it.
func (s *segments) create(h format.SegmentHeader, reserve int64) (*segment, error) {
	created, err := createSegment(s.fs, s.dir, h, reserve)
	if err != nil {
		return nil, err
	}
	s.add(created)
	return created, nil
}

func (s *segments) add(opened *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened.reads = newReads(s.options)
	s.open[opened.id] = opened
}

// get returns the segment with id, nil if there is none.
func (s *segments) get(id uint64) *segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id]
}

func (s *segments) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for id, opened := range s.open {
		errs = append(errs, opened.file.Close())
		delete(s.open, id)
	}
	return errors.Join(errs...)
}

// seal notes where the log ends in a segment that is no longer appended to. The file
// is shorter where a part of it is missing.
func (s *segments) seal(sealed *segment, end int64) {
	size := end
	if info, err := sealed.file.Stat(); err == nil {
		size = info.Size()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed.sealed, sealed.end, sealed.size = true, end, size
	select {
	case s.sealed <- struct{}{}:
	default:
	}
}

func (s *segments) isSealed(of *segment) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return of.sealed
}

// end returns where the log ends in a sealed segment.
func (s *segments) end(of *segment) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return of.end
}

// retire takes away a sealed segment that nothing points to any more.
func (s *segments) retire(old *segment) error {
	s.mu.Lock()
	delete(s.open, old.id)
	s.mu.Unlock()
	return errors.Join(old.retire(), removeFile(s.fs, s.dir, format.SegmentName(old.id)))
}

// openToOverwrite opens the file of a segment for writing. It refuses one that has
// another name as well, which is that of a backup.
func (s *segments) openToOverwrite(seg *segment) (vfs.File, error) {
	f, err := s.fs.OpenReadWrite(s.fs.PathJoin(s.dir, format.SegmentName(seg.id)), writeCategory)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && isShared(info) {
		err = fmt.Errorf("a backup shares the file of segment %d", seg.id)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// size returns that of a sealed segment's file.
func (s *segments) size(id uint64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id].size
}

// usage is how much of a segment the log takes.
type usage struct {
	segment uint64
	sealed  bool
	bytes   int64 // of records; 0 unless sealed
}

// usages returns that of all segments.
func (s *segments) usages() (list []usage) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, opened := range s.open {
		list = append(list, usage{segment: id, sealed: opened.sealed, bytes: max(opened.end-format.SegmentStart, 0)})
	}
	return list
}

// ids returns those of all segments, in order.
func (s *segments) ids() []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.open))
}

// sealedBytes returns the sizes of all files but that of the segment active.
func (s *segments) sealedBytes(active uint64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var sum int64
	for id, opened := range s.open {
		if id != active {
			sum += opened.size
		}
	}
	return sum
}
