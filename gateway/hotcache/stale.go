package hotcache

import (
	"context"
	"sync/atomic"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// outage decides whether the cache may give copies while the backend cannot reach its store.
type outage struct {
	span     time.Duration // how long after the feed last caught up; 0: never
	caughtUp atomic.Int64  // uptime at which the feed last caught up; 0: never, or not everybody may read
	down     flight.Breaker
}

// noteFeed notes that the feed has caught up.
func (o *outage) noteFeed() { o.caughtUp.Store(int64(flight.Uptime())) }

// forgetFeed makes the cache give no copies until the next noteFeed.
func (o *outage) forgetFeed() { o.caughtUp.Store(0) }

// covers reports whether copies may be given.
func (o *outage) covers() bool {
	caughtUp := o.caughtUp.Load()
	return caughtUp != 0 && int64(flight.Uptime())-caughtUp <= int64(o.span)
}

// past asks the backend, whose answer counts. If the backend does not answer and the feed was
// heard recently, past returns a copy, marked stale.
func (c *Cache) past(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	if !c.outage.covers() {
		return c.ask(ctx, id)
	}
	kept, ok := c.entries.GetIfPresent(id)
	if !ok || kept.err != nil {
		return c.ask(ctx, id)
	}
	if c.outage.down.Open() {
		return kept.giveStale(ctx)
	}
	own, cancel := context.WithTimeout(ctx, flight.AskTime)
	defer cancel()
	now, err := c.ask(own, id)
	if ctx.Err() == nil && err != nil && reason.Of(err).Reason == reason.Overloaded {
		c.outage.down.Trip()
		return kept.giveStale(ctx)
	}
	c.outage.down.Reset()
	return now, err
}

// giveStale is give, with the mark that the backend could not confirm the copy.
func (e *entry) giveStale(ctx context.Context) (*torrentcachev1.GetTorrentResponse, error) {
	torrent, err := e.give(ctx, limit.ReservationOf(ctx))
	if err != nil {
		return nil, err
	}
	torrent = wire.WithTorrent(torrent, torrent.GetTorrent())
	torrent.Stale = true
	return torrent, nil
}
