package diskstore

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/recovery"
)

// Defaults of [Options].
const (
	DefaultSegmentSize  = 128 << 20
	DefaultMinFreeSpace = 128 << 20
	DefaultCacheSize    = 64 << 20

	DefaultCompactionRate = 16 << 20
)

// Options say where and how a store keeps its files. Only Dir is required.
type Options struct {
	// Dir is the folder of the store. Open makes it if its parent exists.
	Dir string
	// FS is the file system that Dir is on. Nil means the operating system's, on which
	// the store makes all it makes for its owner alone: files 0600, folders 0700.
	FS vfs.FS
	// Logger gets what an operator should know: damage, rebuilds, failures.
	// Nil means slog.Default().
	Logger *slog.Logger
	// SegmentSize is the size in bytes at which a segment file is sealed and the
	// next begun. A torrent larger than it gets a segment of its own. 0 means
	// DefaultSegmentSize. It may differ from one Open to the next.
	SegmentSize int64
	// MinFreeSpace is how many bytes of the file system puts leave free; with
	// less they answer ErrFull. 0 means DefaultMinFreeSpace, a negative number
	// means none.
	MinFreeSpace int64
	// CacheSize is how many bytes of memory the index's caches take: a quarter for
	// places of records, the rest for blocks of its files. 0 means DefaultCacheSize.
	CacheSize int64
	// MaxStoreSize is how many bytes the store may take on disk; puts that would
	// take more answer ErrFull. 0 means no bound but the disk.
	MaxStoreSize int64
	// Bounded makes the store a cache of something else that takes at most so many
	// bytes on disk: see the package's documentation. It must be room for at least 4
	// segments. 0 means that the store keeps what it is given. It must not be set for
	// a store that holds the only copy of anything.
	Bounded int64
	// CompactionRate bounds how many bytes a second are read and written to win
	// back the space of what was replaced or removed, unless the store is bounded. 0 means
	// DefaultCompactionRate, a negative number that nothing is compacted in the
	// background.
	CompactionRate int64
	// DropUnreadAfter has every torrent dropped that was not used for so long, but for those of
	// writers with a key: it is then unknown, not removed, which the feed tells. It was used
	// when it was put, also if it was there already, and when [Store.NoteRead] was called, to
	// the day. 0 means never; else it must be at least MinUnread.
	DropUnreadAfter time.Duration
	// Evict makes room in a store that has nearly MaxStoreSize bytes: torrents are dropped that
	// were not used for MinUnread, segments with few others first; in them what was fetched
	// goes before the rest, and what was used last after it. Puts of items that were uploaded
	// here alone make it do so. Without it puts answer ErrFull then. It needs a MaxStoreSize of
	// at least MinEvict.
	Evict bool
	// DropKeyed has DropUnreadAfter and Evict drop torrents of writers with a key, too.
	DropKeyed bool
	// OnDrop is told how many torrents were dropped and why, from a goroutine of the store. Nil
	// means nobody is.
	OnDrop func(cause DropCause, torrents int)
	// ReadOnly opens the store without writing anything, not even a lock file: for a
	// backup, or a folder on a disk that takes no writes. An index that is missing is
	// built in memory. All changes answer ErrUnavailable. Nobody may write to the folder
	// meanwhile; a lock file that is there is held if it can be.
	ReadOnly bool
	// GiveUp has Open pass over parts of the log that the disk cannot read, as if they
	// were damaged. Else it fails there: what they say, removals among it, may be read
	// the next time.
	GiveUp bool
	// OnDamage is told the ids of each torrent that is newly found to be damaged,
	// from the goroutine that found it. Nil means nobody is.
	OnDamage func(infohash.Set)
	// Clock tells the time; it must be safe for concurrent use. Nil means time.Now.
	Clock func() time.Time

	reindex  bool // build the index anew
	noteLost bool // write into the log which torrents are lost, as the index knows it
}

// SystemFS returns the file system of stores that are given none: the operating system's,
// on which all that is made is for its owner alone. It is safe for concurrent use.
func SystemFS() vfs.FS { return files.System() }

// commitOptions returns what of o those have to know who make changes.
func (o Options) commitOptions() commit.Options {
	return commit.Options{
		FS: o.FS, Dir: o.Dir, Logger: o.Logger, Clock: o.Clock,
		SegmentSize: o.SegmentSize, MinFreeSpace: o.MinFreeSpace, MaxStoreSize: o.MaxStoreSize,
		Evict: o.Evict, Bounded: o.Bounded > 0, ReadOnly: o.ReadOnly, DropsStay: o.droppedStays(),
	}
}

// recoverOptions returns what of o recovery has to know.
func (o Options) recoverOptions() recovery.Options {
	return recovery.Options{Index: o.indexOptions(), Anew: o.reindex, GiveUp: o.GiveUp, Bounded: o.Bounded > 0}
}

// indexOptions returns what of o the index has to know.
func (o Options) indexOptions() index.Options {
	return index.Options{FS: o.FS, Dir: o.Dir, Logger: o.Logger, CacheSize: o.CacheSize, ReadOnly: o.ReadOnly}
}

// logOptions returns what of o the log has to know.
func (o Options) logOptions() log.Options {
	l := log.Options{FS: o.FS, Dir: o.Dir, Logger: o.Logger, Clock: o.Clock, ReadOnly: o.ReadOnly}
	if o.Bounded > 0 {
		l.NoteReads = o.SegmentSize
	}
	return l
}

// withDefaults returns o with every zero value replaced by what it means.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = SystemFS()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
		if o.Bounded > 0 {
			o.SegmentSize = min(o.SegmentSize, max(o.Bounded/16, 1<<20))
		}
		if o.Evict {
			o.SegmentSize = min(o.SegmentSize, o.MaxStoreSize/evictSegments)
		}
	}
	if o.OnDrop == nil {
		o.OnDrop = func(DropCause, int) {}
	}
	if o.Bounded > 0 && (o.MaxStoreSize == 0 || o.MaxStoreSize > o.Bounded) {
		o.MaxStoreSize = o.Bounded
	}
	if o.MinFreeSpace == 0 {
		o.MinFreeSpace = DefaultMinFreeSpace
	}
	if o.CacheSize == 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.CompactionRate == 0 {
		o.CompactionRate = DefaultCompactionRate
	}
	if o.OnDamage == nil {
		o.OnDamage = func(infohash.Set) {}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}
