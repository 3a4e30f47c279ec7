package diskstore

import (
	"cmp"
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

// Options configure a store. Only Dir is required.
type Options struct {
	// Dir is the folder of the store. Open makes it if its parent exists.
	Dir string
	// FS is the file system of Dir. Nil means the operating system's; the store then creates
	// files with mode 0600 and folders with mode 0700.
	FS vfs.FS
	// Logger receives messages for the operator: damage, rebuilds, failures. Nil means
	// slog.Default().
	Logger *slog.Logger
	// SegmentSize is the size in bytes at which a segment is sealed and the next one begins. A
	// larger torrent gets a segment of its own. 0 means DefaultSegmentSize. It may change from
	// one Open to the next.
	SegmentSize int64
	// MinFreeSpace is the free space on the file system, in bytes, below which puts answer
	// ErrFull. 0 means DefaultMinFreeSpace, a negative number means no minimum.
	MinFreeSpace int64
	// CacheSize is the memory for the caches of the index, in bytes: a quarter for places of
	// records, the rest for blocks of its files. 0 means DefaultCacheSize.
	CacheSize int64
	// MaxStoreSize is the maximum size of the store on disk, in bytes. Puts that would exceed it
	// answer ErrFull. 0 means no maximum.
	MaxStoreSize int64
	// Bounded makes the store a cache of another store with this maximum size on disk, in bytes:
	// see the package documentation. It must be at least 4 segments. 0 means that the store
	// keeps its torrents. Do not set it for a store that holds the only copy of anything.
	Bounded int64
	// CompactionRate limits the bytes per second that background compaction reads and writes,
	// unless the store is bounded. 0 means DefaultCompactionRate, a negative number turns
	// background compaction off.
	CompactionRate int64
	// DropUnreadAfter drops every torrent that was not used for so long, except torrents of
	// writers with a key. A dropped torrent is unknown, not removed; the feed announces the
	// drop. A put of a torrent, even of one already stored, and a call of [Store.NoteRead] count
	// as uses, to the day. 0 means never; otherwise it must be at least MinUnread.
	DropUnreadAfter time.Duration
	// Evict drops torrents when the store has nearly reached MaxStoreSize; without it, puts then
	// answer ErrFull. Only torrents not used for MinUnread are dropped. Segments with the fewest
	// others come first. Within them, fetched torrents go before uploaded ones, and the least
	// recently used first. Only puts of uploads at this node trigger it. It needs a MaxStoreSize
	// of at least MinEvict.
	Evict bool
	// DropKeyed makes DropUnreadAfter and Evict drop torrents of writers with a key, too.
	DropKeyed bool
	// OnDrop is called with the number of dropped torrents and the cause, from a goroutine of
	// the store. Nil means that nothing is called.
	OnDrop func(cause DropCause, torrents int)
	// ReadOnly opens the store without writing anything, not even a lock file: for a backup, or
	// a disk that takes no writes. A missing index is built in memory. All changes answer
	// ErrUnavailable. Nothing may write to the folder meanwhile; an existing lock file is locked
	// if permitted.
	ReadOnly bool
	// GiveUp makes Open skip parts of the log that the disk cannot read, as if they were
	// damaged. Without it Open fails there, because a later attempt may still read them, and
	// removals may be among them.
	GiveUp bool
	// OnDamage is called with the ids of each torrent that is newly found damaged, from the
	// goroutine that found it. Nil means that nothing is called.
	OnDamage func(infohash.Set)
	// Clock tells the time; it must be safe for concurrent use. Nil means time.Now.
	Clock func() time.Time

	reindex  bool // rebuild the index
	noteLost bool // record in the log which torrents are lost, according to the index
}

// SystemFS returns the default file system of a store: the operating system's, with files and
// folders private to their owner. It is safe for concurrent use.
func SystemFS() vfs.FS { return files.System() }

// commitOptions returns the options of the committer.
func (o Options) commitOptions() commit.Options {
	return commit.Options{
		FS: o.FS, Dir: o.Dir, Logger: o.Logger, Clock: o.Clock,
		SegmentSize: o.SegmentSize, MinFreeSpace: o.MinFreeSpace, MaxStoreSize: o.MaxStoreSize,
		Evict: o.Evict, Bounded: o.Bounded > 0, ReadOnly: o.ReadOnly, DropsStay: o.droppedStays(),
	}
}

// recoverOptions returns the options of recovery.
func (o Options) recoverOptions() recovery.Options {
	return recovery.Options{Index: o.indexOptions(), Anew: o.reindex, GiveUp: o.GiveUp, Bounded: o.Bounded > 0}
}

// indexOptions returns the options of the index.
func (o Options) indexOptions() index.Options {
	return index.Options{FS: o.FS, Dir: o.Dir, Logger: o.Logger, CacheSize: o.CacheSize, ReadOnly: o.ReadOnly}
}

// logOptions returns the options of the log.
func (o Options) logOptions() log.Options {
	l := log.Options{FS: o.FS, Dir: o.Dir, Logger: o.Logger, Clock: o.Clock, ReadOnly: o.ReadOnly}
	if o.Bounded > 0 {
		l.NoteReads = o.SegmentSize
	}
	return l
}

// withDefaults returns o with every zero value replaced by its default.
func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = SystemFS()
	}
	o.Logger = cmp.Or(o.Logger, slog.Default())
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
	o.MinFreeSpace = cmp.Or(o.MinFreeSpace, DefaultMinFreeSpace)
	o.CacheSize = cmp.Or(o.CacheSize, DefaultCacheSize)
	o.CompactionRate = cmp.Or(o.CompactionRate, DefaultCompactionRate)
	if o.OnDamage == nil {
		o.OnDamage = func(infohash.Set) {}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}
