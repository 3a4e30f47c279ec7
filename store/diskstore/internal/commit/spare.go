package commit

import (
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// spareSize is the size of the spare file in bytes.
const spareSize = 4 << 20

// Spare is a file that reserves space for a full disk. The space is given back when a removal,
// an erasure or a start needs room to write. It is safe for concurrent use.
type Spare struct {
	options Options
	name    string

	mu   sync.Mutex
	held bool // the file exists
	sure bool // the file certainly has its space: after a crash it may lack it
}

// OpenSpare returns the spare file of a store. If the disk has less free space than its size,
// OpenSpare releases it.
func OpenSpare(o Options) *Spare {
	s := &Spare{options: o, name: o.FS.PathJoin(o.Dir, files.SpareName)}
	s.held, _ = files.Exists(o.FS, s.name)
	if usage, err := o.FS.GetDiskUsage(o.Dir); err == nil && usage.AvailBytes < spareSize {
		s.Release()
	}
	return s
}

// Size returns the size of the file in bytes.
func (s *Spare) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held {
		return 0
	}
	return spareSize
}

// leastForSpare is the least MaxStoreSize of a store with a spare file, in bytes.
const leastForSpare = 32 * spareSize

// Keep creates the file if the disk has more free space than puts must leave and MaxStoreSize is
// large enough. It creates none on a file system that does not tell its free space.
func (s *Spare) Keep() {
	o := s.options
	s.mu.Lock()
	defer s.mu.Unlock()
	isSmall := o.MaxStoreSize > 0 && o.MaxStoreSize < leastForSpare
	if s.held && s.sure || o.MinFreeSpace < 0 || o.Bounded || isSmall {
		return
	}
	usage, err := o.FS.GetDiskUsage(o.Dir)
	if err != nil || usage.AvailBytes < uint64(o.MinFreeSpace)+2*spareSize {
		return
	}
	if err := makeSpare(o.FS, s.name); err != nil {
		o.Logger.Debug("cannot reserve space for a full disk", slog.Any("error", err))
		return
	}
	s.held, s.sure = true, true
}

func makeSpare(fs vfs.FS, name string) error {
	f, err := fs.OpenReadWrite(name, files.WriteCategory)
	if err != nil {
		return err
	}
	if err = files.Reserve(f, 0, spareSize); err == nil {
		return f.Close()
	}
	_ = f.Close()
	_ = fs.Remove(name) // on failure an empty file stays
	return err
}

// Release gives the space back, and reports whether there was any.
func (s *Spare) Release() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held || s.options.ReadOnly {
		return false
	}
	s.held = false
	if err := s.options.FS.Remove(s.name); err != nil {
		return false
	}
	s.options.Logger.Warn("the disk is full: using the reserved space", slog.Int64("bytes", spareSize))
	return true
}
