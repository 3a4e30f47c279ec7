package log

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Options say where the segments of a store are, and how they are to be opened.
type Options struct {
	FS       vfs.FS
	Dir      string // of the store, in which the segments have a folder
	Logger   *slog.Logger
	Clock    func() time.Time // when a segment is made
	ReadOnly bool             // nothing is written to the disk
	// NoteReads is of how many bytes of each segment it is noted whether they were read; 0 of
	// none.
	NoteReads int64
}

// Segments are the open segment files of a store. Safe for concurrent use.
type Segments struct {
	options Options
	fs      vfs.FS
	dir     string
	fresh   chan struct{} // has a token when a segment was sealed that nobody looked at

	mu   sync.RWMutex
	open map[uint64]*Segment
}

// New returns the segments of a store, none of which is open yet: see [Segments.Load].
func New(o Options) *Segments {
	return &Segments{
		options: o, fs: o.FS, dir: o.FS.PathJoin(o.Dir, files.SegmentsDir),
		fresh: make(chan struct{}, 1), open: map[uint64]*Segment{},
	}
}

// Create makes the file of a new segment, durably, and adds it. The one before must be synced
// through the end that h names. reserve bytes are reserved for it; an error of a disk without
// so many wraps store.ErrFull.
func (s *Segments) Create(h format.SegmentHeader, reserve int64) (*Segment, error) {
	file, err := files.CreateSegment(s.fs, s.dir, h, reserve)
	if err != nil {
		return nil, err
	}
	created := &Segment{ID: h.Segment, File: file, Header: h, Size: format.SegmentStart}
	s.add(created)
	return created, nil
}

func (s *Segments) add(opened *Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened.reads = newReads(s.options.NoteReads)
	s.open[opened.ID] = opened
}

// Get returns the segment with id, nil if there is none.
func (s *Segments) Get(id uint64) *Segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id]
}

// Close closes all files. Nobody may use a segment any more.
func (s *Segments) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for id, opened := range s.open {
		errs = append(errs, opened.File.Close())
		delete(s.open, id)
	}
	return errors.Join(errs...)
}

// Seal notes where the log ends in a segment that is no longer appended to. The file
// is shorter where a part of it is missing.
func (s *Segments) Seal(sealed *Segment, end int64) {
	size := end
	if info, err := sealed.File.Stat(); err == nil {
		size = info.Size()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed.sealed, sealed.end, sealed.Size = true, end, size
	select {
	case s.fresh <- struct{}{}:
	default:
	}
}

// NewlySealed returns a channel that has a token when a segment was sealed since the last was
// taken.
func (s *Segments) NewlySealed() <-chan struct{} { return s.fresh }

// IsSealed reports whether nothing is appended to a segment any more.
func (s *Segments) IsSealed(of *Segment) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return of.sealed
}

// End returns where the log ends in a sealed segment.
func (s *Segments) End(of *Segment) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return of.end
}

// Retire takes away a sealed segment that nothing points to any more, once nobody holds it.
func (s *Segments) Retire(old *Segment) error {
	s.mu.Lock()
	delete(s.open, old.ID)
	s.mu.Unlock()
	return errors.Join(old.retire(), files.Remove(s.fs, s.dir, format.SegmentName(old.ID)))
}

// OpenToOverwrite opens the file of a segment for writing. It refuses one that has
// another name as well, which is that of a backup.
func (s *Segments) OpenToOverwrite(seg *Segment) (vfs.File, error) {
	f, err := s.fs.OpenReadWrite(s.fs.PathJoin(s.dir, format.SegmentName(seg.ID)), files.WriteCategory)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && files.IsShared(info) {
		err = fmt.Errorf("a backup shares the file of segment %d", seg.ID)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Size returns that of a sealed segment's file.
func (s *Segments) Size(id uint64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id].Size
}

// Usage is how much of a segment the log takes.
type Usage struct {
	Segment uint64
	Sealed  bool
	Bytes   int64 // of records; 0 unless sealed
}

// Usages returns that of all segments.
func (s *Segments) Usages() (list []Usage) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, opened := range s.open {
		list = append(list, Usage{Segment: id, Sealed: opened.sealed, Bytes: max(opened.end-format.SegmentStart, 0)})
	}
	return list
}

// IDs returns those of all segments, in order.
func (s *Segments) IDs() []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.open))
}

// SealedBytes returns the sizes of all files but that of the segment active.
func (s *Segments) SealedBytes(active uint64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var sum int64
	for id, opened := range s.open {
		if id != active {
			sum += opened.Size
		}
	}
	return sum
}
