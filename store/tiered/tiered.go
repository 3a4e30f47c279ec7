package tiered

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

// Fresh is the age of the last read of the feed up to which copies are served without asking the
// remote. It bounds how long a torrent removed elsewhere may be served here while the remote can
// be reached.
const Fresh = 2 * time.Second

// Options configure a cache. Remote, Identity, Dir and Size are required.
type Options struct {
	// Remote is the cached store. Close closes it.
	Remote store.Store
	// Identity names Remote, so that copies of another store are not taken for copies of it.
	Identity string
	// Dir is the folder of the cache, for it alone. Open creates it if its parent exists.
	Dir string
	// Size is the maximum size of the cache on disk, in bytes, at least 64 MiB.
	Size int64
	// MaxStale is how long copies are served while Remote cannot be reached; 0 means not at all.
	MaxStale time.Duration
	// Logger receives messages for the operator. Nil means slog.Default().
	Logger *slog.Logger

	fs        vfs.FS // file system of Dir; nil means the operating system's
	indexSize int64  // [diskstore.Options.CacheSize]
}

// MinSize is the minimum of [Options.Size], in bytes.
const MinSize = 64 << 20

// Store is a remote store behind a cache. It is a [store.Store].
type Store struct {
	remote   store.Store
	local    *local
	feed     *feed
	fills    fills
	down     flight.Breaker
	maxStale time.Duration
	counts   counts

	stop    context.CancelFunc
	heard   chan struct{} // closed after the first attempt to read the feed
	stopped chan struct{} // closed when following the feed has ended
	closing sync.Once
}

var _ store.Store = (*Store)(nil)

type counts struct{ hits, stale, misses atomic.Int64 }

// Stats counts the cache's work since Open, and its content.
type Stats struct {
	Hits     int64 // reads answered from the cache, except stale ones
	Stale    int64 // reads answered from the cache because Remote could not be reached
	Misses   int64 // reads that asked Remote
	Torrents int64
	Bytes    int64 // on disk
	Usable   bool  // whether the disk serves
}

// Open opens or creates the cache, and follows the remote's feed until Close. It waits up to
// five seconds until the feed was read to its end, so that existing copies can be served even if
// the remote becomes unreachable right after. The error is about the folder; Remote stays open
// then.
func Open(o Options) (*Store, error) {
	if o.Remote == nil || o.Identity == "" || o.Dir == "" || o.Size < MinSize {
		return nil, errors.New("tiered: Remote, Identity, Dir and a Size of 64 MiB or more are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	l, at, err := openLocal(o)
	if err != nil {
		return nil, err
	}
	s := &Store{remote: o.Remote, local: l, feed: newFeed(at), maxStale: o.MaxStale,
		heard: make(chan struct{}), stopped: make(chan struct{})}
	s.fills.of, s.fills.loads.MaxAge = map[infohash.ID]*fill{}, Fresh
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.follow(ctx)
	select {
	case <-s.heard:
	case <-time.After(openTime):
	}
	return s, nil
}

// Close implements [store.Store]. It closes the remote store as well.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		s.stop()
		<-s.stopped
		s.fills.close()
		s.local.close(s.feed.position())
		err = s.remote.Close()
	})
	return err
}

// Has implements [store.Store], by the remote.
func (s *Store) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	return s.remote.Has(ctx, ids)
}

// End implements [store.Store], by the remote.
func (s *Store) End(ctx context.Context) (store.Cursor, error) { return s.remote.End(ctx) }

// Stats implements [store.Store], by the remote.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) { return s.remote.Stats(ctx) }

// CacheStats returns the cache's content and counters.
func (s *Store) CacheStats(ctx context.Context) Stats {
	stats := Stats{Hits: s.counts.hits.Load(), Stale: s.counts.stale.Load(), Misses: s.counts.misses.Load()}
	if disk := s.local.disk.Load(); disk != nil {
		held, err := disk.Stats(ctx)
		stats.Torrents, stats.Bytes, stats.Usable = held.Torrents, held.DiskUsed, err == nil
	}
	return stats
}
