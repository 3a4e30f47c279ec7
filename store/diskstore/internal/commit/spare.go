package commit

import (
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// spareSize is the size of the spare file in bytes.
const spareSize = 4 << 20

// Spare is a file that holds space for when the disk is full: it is given back so that a
// removal, an erasure or a start has room for what it must write. Safe for concurrent use.
type Spare struct {
	options Options
	name    string

	mu   sync.Mutex
	held bool // the file is there
	sure bool // it has its space: a crash may have left it without
}

// OpenSpare returns the spare file of a store, and gives it back if the disk has less
// space than that.
func OpenSpare(o Options) *Spare {
	s := &Spare{options: o, name: o.FS.PathJoin(o.Dir, files.SpareName)}
	s.held, _ = files.Exists(o.FS, s.name)
	if usage, err := o.FS.GetDiskUsage(o.Dir); err == nil && usage.AvailBytes < spareSize {
		s.Release()
	}
	return s
}

// Size returns how many bytes the file takes.
func (s *Spare) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held {
		return 0
	}
	return spareSize
}

// leastForSpare is how many bytes a store must be allowed to take to put some aside.
const leastForSpare = 32 * spareSize

// Keep makes the file if the disk has more space than puts must leave, and the store may
// take enough. Disks that do not tell have none.
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
		o.Logger.Debug("no space could be put aside", slog.Any("error", err))
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
	_ = fs.Remove(name) // what stays is an empty file
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
	s.options.Logger.Warn("the disk is full: space that was put aside is used", slog.Int64("bytes", spareSize))
	return true
}
