package hotcache

import (
	"context"
	"slices"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
)

const (
	// silence is how long the feed may say nothing: three heartbeats got lost.
	silence = 2 * time.Second

	// pause is how long to wait before the feed is asked for again.
	pause = 200 * time.Millisecond

	// fromNow is the cursor of a follower that has no copies yet and needs no
	// history.
	fromNow = "now"
)

// Follow invalidates what the backend says has changed, until ctx ends. While it
// does not hear the backend, calls go past the cache.
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
			c.outage.deafen()
			c.Clear()
			cursor = fromNow
		}
		wait.For(ctx, pause)
	}
}

// follow reads the feed after *cursor, which it moves on, until it breaks or says
// nothing for too long. It calls heard whenever it has caught up.
func (c *Cache) follow(ctx context.Context, cursor *string, heard func()) error {
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
		if news.GetRestarted() || *cursor == fromNow { // what came before now is settling, too
			c.Clear()
		}
		for _, change := range news.GetChanges() { // of whatever kind, also one of a newer server
			c.Invalidate(idsOf(change))
		}
		*cursor = news.GetCursor()
		// The first answer without changes says that there were no more.
		if len(news.GetChanges()) == 0 && inTime {
			c.caughtUp()
			heard()
		}
	}
}

// setPrivate says whether not everybody may read. Nothing is kept then: the backend
// decides on each call.
func (c *Cache) setPrivate(private bool) {
	c.private.Store(private)
	if private {
		c.outage.deafen()
	}
}

// caughtUp has the cache answer, now that it knows of every change, unless it may
// keep nothing.
func (c *Cache) caughtUp() {
	public := !c.private.Load()
	c.trusted.Store(public)
	if public {
		c.outage.hear()
	}
}

// idsOf returns the ids of a change; what is no id is left out.
func idsOf(change *torrentcachev1.Change) infohash.Set {
	return infohash.SetOf(change.GetInfoHashV1(), change.GetInfoHashV2())
}
