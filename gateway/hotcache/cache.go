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
	// maxAge is how long a torrent may stay, so that its use is seen below.
	maxAge = 12 * time.Hour

	// absentAge is how long an id may be taken for absent.
	absentAge = time.Minute
)

// Options are what a [Cache] works with. Size is required.
type Options struct {
	// Size bounds the memory of what is kept, in bytes.
	Size int64
	// Follow says that changes are heard of by [Cache.Follow]: until it has
	// caught up, nothing is answered from the cache. Without it the code that
	// changes a torrent calls [Cache.Invalidate].
	Follow bool
	// Settle is how long after the feed told of a change an answer of the backend may
	// still be from before it, because it comes from another node than the feed:
	// such answers are not kept. Zero for one node.
	Settle time.Duration
	// OnLost is told by [Cache.Follow] why the feed was lost, once for each reason
	// in a row. Nil means that nobody wants to know.
	OnLost func(*reason.Error)
}

// Backend is where torrents come from. Conn is required.
type Backend struct {
	// Conn reaches the CacheService, and the SyncService if the cache follows it.
	Conn grpc.ClientConnInterface
	// Reader reads from the store that Conn reaches, if that is in this process. A cache
	// that does not follow a feed reads from it on the fast path, too. Nil at an edge.
	Reader Reader
	// MaxStale is how long after the feed was last heard a copy may be given, marked
	// stale, if Conn says that it cannot reach its store, or nothing. Zero for never.
	MaxStale time.Duration
	// Private says that not everybody may read: then nothing is answered from
	// the cache, since it does not check its callers. With Follow the feed says
	// so.
	Private bool
}

// Cache answers GetTorrent from memory. It is safe for concurrent use.
type Cache struct {
	torrents  torrentcachev1.CacheServiceClient
	changes   torrentcachev1.SyncServiceClient
	reader    Reader
	entries   *otter.Cache[infohash.ID, *entry]
	trusted   atomic.Bool // changes are heard of as they happen, of torrents that everybody may read
	private   atomic.Bool // not everybody may read torrents, as far as is known
	loads     flight.Group[infohash.ID, *entry]
	following bool // changes are heard of by Follow
	counts    counts
	seen      *seen
	outage    outage
	settling  settling
	full      atomic.Bool // an entry had to leave for another since all were forgotten
	onLost    func(*reason.Error)
}

type counts struct{ hits, misses atomic.Int64 }

// Stats is what a cache holds and did since it began.
type Stats struct {
	Hits    int64 // GetTorrent answered from memory, the fast path's answers not among them
	Misses  int64 // GetTorrent that asked the backend, or waited for one that did
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
		OnAtomicDeletion: c.left,
	})
	if err != nil {
		return nil, fmt.Errorf("hotcache: %w", err)
	}
	c.entries = entries
	return c, nil
}

// Connect makes c answer from b and keep the torrents that it may. It reports whether c
// is to follow the feed of b. Call it once, before anything that answers; [Cache.Through]
// may be called before.
func (c *Cache) Connect(b Backend) (follows bool) {
	c.torrents = torrentcachev1.NewCacheServiceClient(b.Conn)
	c.changes = torrentcachev1.NewSyncServiceClient(b.Conn)
	c.reader, c.outage.span = b.Reader, b.MaxStale
	c.private.Store(c.following || b.Private)
	c.trusted.Store(!c.following && !b.Private)
	return c.following
}

// left is told of each entry that has left the cache.
func (c *Cache) left(e otter.DeletionEvent[infohash.ID, *entry]) {
	if e.Cause == otter.CauseOverflow && !c.full.Load() {
		c.full.Store(true)
	}
}

// admits reports whether what is known of id shall be kept. Once the cache is full
// that is what was asked for twice.
func (c *Cache) admits(id infohash.ID) bool { return !c.full.Load() || c.seen.again(id) }

// GetTorrent returns the torrent that has id. Its errors are those of the RPC, and
// TORRENT_DAMAGED if what the backend sent is not the torrent of id. Nobody may
// change what is returned. The Hold that ctx carries has the memory, see [limit.HoldOf].
//
// Calls with credentials in the outgoing metadata of ctx go past the cache, and so do those of
// other caches: one must not wait for a load that waits for it.
func (c *Cache) GetTorrent(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	if e, ok := ctx.Value(pinned{}).(*entry); ok {
		return e.torrent, e.err
	}
	if hasCredentials(ctx) || isLooped(ctx) {
		return c.ask(ctx, id)
	}
	if !c.trusted.Load() {
		return c.past(ctx, id)
	}
	if origin.IsUncounted(ctx) {
		return c.peek(ctx, id)
	}
	got, err := c.Through(ctx, id, func(room Room) (*torrentcachev1.GetTorrentResponse, error) {
		if c.reader == nil {
			return c.call(ctx, id)
		}
		return c.reader.ReadTorrent(ctx, id, room)
	})
	if c.reader != nil && mayBeElsewhere(err) {
		return c.ask(ctx, id) // the reader asks no other caches; they are no load to wait for either
	}
	return got, err
}

// peek returns the torrent that has id to a caller of which the store shall not hear as of a
// reader. It keeps nothing, so that the next read of the torrent is noticed.
func (c *Cache) peek(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	if e, ok := c.entries.GetIfPresent(id); ok {
		c.counts.hits.Add(1)
		return e.give(ctx, limit.HoldOf(ctx))
	}
	return c.ask(ctx, id)
}

func hasCredentials(ctx context.Context) bool {
	md, _ := metadata.FromOutgoingContext(ctx)
	return len(md.Get("authorization")) > 0
}

func isLooped(ctx context.Context) bool {
	md, _ := metadata.FromOutgoingContext(ctx)
	return origin.Looped(md.Get(origin.LoopHeader))
}

// Invalidate forgets all that is known of the torrent with these ids; with the
// zero Set, of all torrents. What was being loaded is not kept, and no call that
// begins afterwards waits for it.
func (c *Cache) Invalidate(ids infohash.Set) {
	if (ids == infohash.Set{}) {
		c.Clear()
		return
	}
	c.loads.Forget(ids.All(), func() {
		c.settling.note(ids.All())
		for _, id := range ids.All() {
			c.entries.Invalidate(id)
		}
	})
}

// Clear forgets everything.
func (c *Cache) Clear() {
	c.loads.ForgetAll(func() {
		c.settling.noteAll()
		c.entries.InvalidateAll()
		c.full.Store(false)
	})
}

// Stats returns what the cache holds, roughly, and did.
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

// notFound reports whether err is the backend's word that there is no such torrent; see
// [reason.Error.Lasting].
func notFound(err error) bool { return reason.Of(err).Lasting() }

// mayBeElsewhere reports whether err says that the store has no such torrent, while other
// caches, which the server asks, may have it.
func mayBeElsewhere(err error) bool {
	e := reason.Of(err)
	return e != nil && e.Reason == reason.TorrentNotFound && e.RetryAfter() > 0
}
