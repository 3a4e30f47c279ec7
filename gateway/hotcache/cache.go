package hotcache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// maxAge is how long a torrent may stay, so that the store learns that the torrent is still
	// read.
	maxAge = 12 * time.Hour

	// absentAge is how long the answer that a torrent is absent may stay.
	absentAge = time.Minute
)

// Options configure a [Cache]. Size is required.
type Options struct {
	// Size bounds the memory of the kept entries, in bytes.
	Size int64
	// Follow says that the cache learns of changes by [Cache.Follow]: until the feed has caught
	// up, the cache answers nothing. Without Follow the code that changes a torrent calls
	// [Cache.Invalidate].
	Follow bool
	// Settle is how long after a change in the feed the backend may still answer with the state
	// before it, because the answer comes from another node than the feed. The cache does not keep
	// such answers. Zero for one node.
	Settle time.Duration
	// OnLost is called by [Cache.Follow] with the reason why the feed was lost, once for each run
	// of equal reasons. Nil: nothing is called.
	OnLost func(*reason.Error)
}

// Backend is the source of the torrents. Conn is required.
type Backend struct {
	// Conn reaches the CacheService, and the SyncService if the cache follows it.
	Conn grpc.ClientConnInterface
	// Reader reads from the store behind Conn, if that store is in this process. A cache that does
	// not follow a feed then also reads on the fast path. Nil at an edge.
	Reader Reader
	// MaxStale is how long after the last answer of the feed the cache may give a copy, marked
	// stale, if Conn does not answer or cannot reach its store. Zero: never.
	MaxStale time.Duration
	// Private says that not everybody may read. Then the cache answers nothing, because it does
	// not check its callers. With Follow the feed says so.
	Private bool
}

// Cache answers GetTorrent from memory. It is safe for concurrent use.
type Cache struct {
	torrents  torrentcachev1.CacheServiceClient
	changes   torrentcachev1.SyncServiceClient
	reader    Reader
	entries   *otter.Cache[infohash.ID, *entry]
	trusted   atomic.Bool // the cache learns of every change at once, and everybody may read
	private   atomic.Bool // not everybody may read, or that is not known
	loads     flight.Group[infohash.ID, *entry]
	following bool // the cache learns of changes by Follow
	counts    counts
	seen      *seen
	outage    outage
	settling  settling
	full      atomic.Bool // since the last Clear an entry was evicted for another one
	onLost    func(*reason.Error)
}

type counts struct{ hits, misses atomic.Int64 }

// Stats counts the calls of a cache since it began, and its entries.
type Stats struct {
	Hits    int64 // calls of GetTorrent answered from memory, without those of the fast path
	Misses  int64 // calls of GetTorrent that asked the backend, or waited for one that did
	Entries int64
	Bytes   int64
}

// New returns an empty cache. Until it is connected it keeps nothing.
func New(o Options) (*Cache, error) {
	if o.Size <= 0 {
		return nil, errors.New("hotcache: Size is required")
	}
	c := &Cache{seen: newSeen(o.Size), following: o.Follow, onLost: o.OnLost}
	c.settling.span = o.Settle
	if c.onLost == nil {
		c.onLost = func(*reason.Error) {}
	}
	c.private.Store(true)
	entries, err := otter.New(&otter.Options[infohash.ID, *entry]{
		MaximumWeight: uint64(o.Size),
		Weigher:       func(_ infohash.ID, e *entry) uint32 { return e.weight() },
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[infohash.ID, *entry]) time.Duration {
			return e.Value.age()
		}),
		OnAtomicDeletion: c.evicted,
	})
	if err != nil {
		return nil, fmt.Errorf("hotcache: %w", err)
	}
	c.entries = entries
	return c, nil
}

// Connect makes c answer from b and keep the torrents that it may. It reports whether c is to
// follow the feed of b. Call it once, before c answers any call; [Cache.Through] may be called
// before.
func (c *Cache) Connect(b Backend) (follows bool) {
	c.torrents = torrentcachev1.NewCacheServiceClient(b.Conn)
	c.changes = torrentcachev1.NewSyncServiceClient(b.Conn)
	c.reader, c.outage.span = b.Reader, b.MaxStale
	c.private.Store(c.following || b.Private)
	c.trusted.Store(!c.following && !b.Private)
	return c.following
}

// evicted is called with each entry that has left the cache.
func (c *Cache) evicted(e otter.DeletionEvent[infohash.ID, *entry]) {
	if e.Cause == otter.CauseOverflow && !c.full.Load() {
		c.full.Store(true)
	}
}

// GetTorrent returns the torrent that has id. Its errors are those of the RPC, and TORRENT_DAMAGED
// if the backend sent another torrent than that of id. Nobody may change the answer. The
// Reservation that ctx carries counts the memory, see [limit.ReservationOf].
//
// Calls with credentials in the outgoing metadata of ctx go past the cache. So do calls of other
// caches: two caches that ask each other would wait for each other's load.
func (c *Cache) GetTorrent(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	if e, ok := ctx.Value(pinned{}).(*entry); ok {
		return e.torrent, e.err
	}
	if md, _ := metadata.FromOutgoingContext(ctx); len(md.Get("authorization")) > 0 || origin.Looped(md.Get(origin.LoopHeader)) {
		return c.ask(ctx, id)
	}
	if !c.trusted.Load() {
		return c.past(ctx, id)
	}
	if origin.IsUncounted(ctx) {
		return c.peek(ctx, id)
	}
	got, err := c.Through(ctx, id, func(alloc Alloc) (*torrentcachev1.GetTorrentResponse, error) {
		if c.reader == nil {
			return c.call(ctx, id)
		}
		return c.reader.ReadTorrent(ctx, id, alloc)
	})
	if c.reader != nil && mayBeElsewhere(err) {
		return c.ask(ctx, id) // the server asks other caches, the reader does not
	}
	return got, err
}

// peek returns the torrent that has id without a sign for the store that it was read. It keeps
// nothing, so that the store learns of the next read.
func (c *Cache) peek(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	if e, ok := c.entries.GetIfPresent(id); ok {
		c.counts.hits.Add(1)
		return e.give(ctx, limit.ReservationOf(ctx))
	}
	return c.ask(ctx, id)
}

// Stats returns the counts of the cache; Entries and Bytes are estimates.
func (c *Cache) Stats() Stats {
	return Stats{
		Hits:    c.counts.hits.Load(),
		Misses:  c.counts.misses.Load(),
		Entries: int64(c.entries.EstimatedSize()),
		Bytes:   int64(c.entries.WeightedSize()),
	}
}

// Private reports whether not everybody may read the torrents, as far as is known.
func (c *Cache) Private() bool { return c.private.Load() }

// Close ends the cache's background work. The cache must not be used any more.
func (c *Cache) Close() { c.entries.StopAllGoroutines() }

// notFound reports whether err is the backend's answer that there is no such torrent; see
// [reason.Error.Lasting].
func notFound(err error) bool { return reason.Of(err).Lasting() }

// mayBeElsewhere reports whether err says that the store has no such torrent, while other
// caches, which the server asks, may have it.
func mayBeElsewhere(err error) bool {
	e := reason.Of(err)
	return e != nil && e.Reason == reason.TorrentNotFound && e.RetryAfter() > 0
}
