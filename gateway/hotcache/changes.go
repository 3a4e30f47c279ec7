package hotcache

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
)

const (
	// silence is how long the feed may be silent: three heartbeats in a row may get lost.
	silence = 2 * time.Second

	// pause is how long to wait before the feed is asked for again.
	pause = 200 * time.Millisecond

	// fromNow is the cursor of a follower that has no copies yet, and so needs no history.
	fromNow = "now"
)

// Follow invalidates the torrents that change, as the backend's feed tells, until ctx ends. While
// the feed is silent, calls go past the cache.
func (c *Cache) Follow(ctx context.Context) {
	cursor, told := fromNow, reason.Reason("")
	for ctx.Err() == nil {
		err := reason.Of(c.follow(ctx, &cursor, func() { told = "" }))
		c.trusted.Store(false)
		if ctx.Err() == nil && err.Reason != told {
			c.onLost(err)
			told = err.Reason
		}
		if err.Reason == reason.RequestInvalid { // a cursor of another backend
			c.outage.forgetFeed()
			c.Clear()
			cursor = fromNow
		}
		wait.For(ctx, pause)
	}
}

// follow reads the feed after *cursor, which it moves on, until the feed breaks or is silent for
// too long. It calls caughtUp whenever it has caught up.
func (c *Cache) follow(ctx context.Context, cursor *string, caughtUp func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm := time.AfterFunc(silence, func() {
		c.trusted.Store(false)
		cancel()
	})
	defer alarm.Stop()
	feed, err := c.changes.WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{AfterCursor: *cursor})
	if err != nil {
		return err
	}
	header, err := feed.Header()
	if err != nil {
		return err
	}
	c.setPrivate(slices.Contains(header.Get("cache-control"), "private"))
	for {
		news, err := feed.Recv()
		if err != nil {
			return err
		}
		// An alarm that has gone off has cancelled ctx; the next Recv sees it.
		inTime := alarm.Reset(silence)
		if news.GetRestarted() || *cursor == fromNow { // changes before fromNow may not have settled
			c.Clear()
		}
		for _, change := range news.GetChanges() { // of every kind, also kinds of a newer server
			c.Invalidate(infohash.SetOf(change.GetInfoHashV1(), change.GetInfoHashV2()))
		}
		*cursor = news.GetCursor()
		// The first answer without changes says that there were no more.
		if len(news.GetChanges()) == 0 && inTime {
			c.caughtUp()
			caughtUp()
		}
	}
}

// setPrivate notes whether not everybody may read. If so, nothing is kept: the backend decides on
// each call.
func (c *Cache) setPrivate(private bool) {
	c.private.Store(private)
	if private {
		c.outage.forgetFeed()
	}
}

// caughtUp makes the cache answer, because it knows of every change, unless it may keep nothing.
func (c *Cache) caughtUp() {
	public := !c.private.Load()
	c.trusted.Store(public)
	if public {
		c.outage.noteFeed()
	}
}

// Invalidate forgets everything about the torrent with these ids; with the zero Set, about all
// torrents. A load in flight is not kept, and no later call waits for it.
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

// Forget forgets every torrent and every absent id for which listed returns true. Call it when
// listed returns the new result already. Loads in flight are not kept, and no later caller waits
// for them, because they may be older. Other torrents stay.
func (c *Cache) Forget(listed func(ids ...infohash.ID) bool) {
	c.loads.ForgetAll(func() {})
	for id, e := range c.entries.All() {
		ids := infohash.SetOf(e.torrent.GetInfoHashV1(), e.torrent.GetInfoHashV2()).All()
		if listed(append(ids, id)...) {
			c.entries.Invalidate(id)
		}
	}
}

// Conn returns inner, except that a CacheTorrent through it invalidates the torrent in c before it
// returns: a client that uploads at a door and then downloads there gets its upload, even before
// the feed tells of it.
func (c *Cache) Conn(inner grpc.ClientConnInterface) grpc.ClientConnInterface {
	return &conn{ClientConnInterface: inner, cache: c}
}

type conn struct {
	grpc.ClientConnInterface
	cache *Cache
}

// Invoke implements [grpc.ClientConnInterface].
func (c *conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if cached, ok := reply.(*torrentcachev1.CacheTorrentResponse); ok && err == nil &&
		cached.GetOutcome() != torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED {
		c.cache.Invalidate(infohash.SetOf(cached.GetInfoHashV1(), cached.GetInfoHashV2()))
	}
	return err
}
