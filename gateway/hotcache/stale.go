package hotcache

import (
	"context"
	"sync/atomic"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// askTime is how long the backend is asked about what there is a copy of, before it
// counts as out of reach; and how long it does then, before it is asked again.
const askTime = time.Second

// outage is what lets copies be given while the backend cannot reach its store.
type outage struct {
	span  time.Duration // after the feed was last heard; 0: never
	heard atomic.Int64  // uptime at which that was; 0: never, or not everybody may read
	until atomic.Int64  // uptime until which the backend counts as out of reach
}

func (o *outage) hear()   { o.heard.Store(int64(uptime())) }
func (o *outage) deafen() { o.heard.Store(0) }
func (o *outage) trip()   { o.until.Store(int64(uptime() + askTime)) }
func (o *outage) reset()  { o.until.Store(0) }
func (o *outage) covers() bool {
	heard := o.heard.Load()
	return heard != 0 && int64(uptime())-heard <= int64(o.span)
}

// down reports whether the backend counts as out of reach. Once in askTime it says
// no to one caller, who then finds out.
func (o *outage) down() bool {
	until, now := o.until.Load(), int64(uptime())
	if until == 0 || now < until {
		return until != 0
	}
	return !o.until.CompareAndSwap(until, now+int64(askTime))
}

// past answers without the cache: the backend's word counts. If it says nothing and
// the feed was heard not long ago, a copy is given that says so.
func (c *Cache) past(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	if !c.outage.covers() {
		return c.load(ctx, id).get()
	}
	kept, ok := c.entries.GetIfPresent(id)
	if !ok || kept.err != nil {
		return c.load(ctx, id).get()
	}
	if c.outage.down() {
		return kept.getStale()
	}
	own, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	now := c.load(own, id)
	if ctx.Err() == nil && now.err != nil && reason.Of(now.err).Reason == reason.Overloaded {
		c.outage.trip()
		return kept.getStale()
	}
	c.outage.reset()
	return now.get()
}

// getStale is get with the mark that the backend could not make sure of it.
func (e *entry) getStale() (*torrentcachev1.GetTorrentResponse, error) {
	torrent, err := e.get()
	if err != nil {
		return nil, err
	}
	torrent = wire.WithTorrent(torrent, torrent.GetTorrent())
	torrent.Stale = true
	return torrent, nil
}

// started is the beginning of uptime, which no change of the clock moves.
var started = time.Now()

func uptime() time.Duration { return time.Since(started) }
