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

// outage is what lets copies be given while the backend cannot reach its store.
type outage struct {
	span  time.Duration // after the feed was last heard; 0: never
	heard atomic.Int64  // uptime at which that was; 0: never, or not everybody may read
	down  flight.Breaker
}

func (o *outage) hear()   { o.heard.Store(int64(flight.Uptime())) }
func (o *outage) deafen() { o.heard.Store(0) }
func (o *outage) covers() bool {
	heard := o.heard.Load()
	return heard != 0 && int64(flight.Uptime())-heard <= int64(o.span)
}

// past answers without the cache: the backend's word counts. If it says nothing and
// the feed was heard not long ago, a copy is given that says so.
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

// giveStale is give with the mark that the backend could not make sure of it.
func (e *entry) giveStale(ctx context.Context) (*torrentcachev1.GetTorrentResponse, error) {
	torrent, err := e.give(ctx, limit.HoldOf(ctx))
	if err != nil {
		return nil, err
	}
	torrent = wire.WithTorrent(torrent, torrent.GetTorrent())
	torrent.Stale = true
	return torrent, nil
}
