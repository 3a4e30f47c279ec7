// Package log keeps the log of a disk store: numbered segment files that hold records back to
// back. It opens the files, walks their records, and deletes a file once nothing reads it any
// more. It does not know the meaning of records, nor the index.
//
// Package commit appends to the last segment only. All earlier segments are sealed and never
// change. Readers hold a segment between [Segment.Hold] and [Segment.LetGo], because it may be
// retired meanwhile.
//
// Bytes that cannot be parsed are format.ErrBadRecord: damage or a torn end. A failed read is
// files.ErrUnreadable and proves nothing.
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

// Options configure the segments of a store.
type Options struct {
	FS       vfs.FS
	Dir      string // of the store; the segments have a folder in it
	Logger   *slog.Logger
	Clock    func() time.Time // dates new segments
	ReadOnly bool             // nothing is written to the disk
	// NoteReads is the size in bytes of the part of each segment whose reads are recorded; 0
	// records none.
	NoteReads int64
}

// Segments are the open segment files of a store. They are safe for concurrent use.
type Segments struct {
	options Options
	fs      vfs.FS
	dir     string
	fresh   chan struct{} // has a token if a segment was sealed since the last receive

	mu   sync.RWMutex
	open map[uint64]*Segment
}

// New returns the segments of a store. None is open until [Segments.Load].
func New(o Options) *Segments {
	return &Segments{
		options: o, fs: o.FS, dir: o.FS.PathJoin(o.Dir, files.SegmentsDir),
		fresh: make(chan struct{}, 1), open: map[uint64]*Segment{},
	}
}

// Create makes the file of a new segment, durably, and adds it. The previous segment must be
// synced up to the end that h names. Create reserves so many bytes for the file; if the disk has
// too few, the error wraps store.ErrFull.
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

// Get returns the segment with id; nil if there is none.
func (s *Segments) Get(id uint64) *Segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id]
}

// Close closes all files. No segment may be used after that.
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

// Seal records the end of the log in a segment that is no longer appended to. The file is
// shorter than that if a part of it is missing.
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

// NewlySealed returns a channel that has a token if a segment was sealed since the last receive.
func (s *Segments) NewlySealed() <-chan struct{} { return s.fresh }

// IsSealed reports whether the segment is no longer appended to.
func (s *Segments) IsSealed(of *Segment) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return of.sealed
}

// End returns the end of the log in a sealed segment.
func (s *Segments) End(of *Segment) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return of.end
}

// Retire deletes a sealed segment that nothing refers to, once no reader holds it.
func (s *Segments) Retire(old *Segment) error {
	s.mu.Lock()
	delete(s.open, old.ID)
	s.mu.Unlock()
	return errors.Join(old.retire(), files.Remove(s.fs, s.dir, format.SegmentName(old.ID)))
}

// OpenToOverwrite opens the file of a segment for writing. It refuses a file with a second hard
// link, because that one belongs to a backup.
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

// Size returns the size of a sealed segment's file.
func (s *Segments) Size(id uint64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.open[id].Size
}

// Usage is the size of the log in a segment.
type Usage struct {
	Segment uint64
	Sealed  bool
	Bytes   int64 // of records; 0 unless sealed
}

// Usages returns the usage of all segments.
func (s *Segments) Usages() (list []Usage) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id, opened := range s.open {
		list = append(list, Usage{Segment: id, Sealed: opened.sealed, Bytes: max(opened.end-format.SegmentStart, 0)})
	}
	return list
}

// IDs returns the ids of all segments in ascending order.
func (s *Segments) IDs() []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.open))
}

// SealedBytes returns the total size of all files except that of the active segment.
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
