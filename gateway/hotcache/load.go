package hotcache

import (
	"bytes"
	"context"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/metainfo"
)

// Reader reads torrents from a store in the same process. It must be safe for
// concurrent use.
type Reader interface {
	// ReadTorrent answers as the GetTorrent of a caller without credentials. The
	// bytes lie in what room gives for them, if it is asked; its error is returned. They are
	// known to be what was stored under id: the store has checked them.
	ReadTorrent(ctx context.Context, id infohash.ID, room Room) (*torrentcachev1.GetTorrentResponse, error)
}

// Room gives n bytes that hold anything, once they are counted.
type Room = func(n int) ([]byte, error)

// Load gets a torrent from the backend. It is [Reader]'s method for one id.
type Load = func(room Room) (*torrentcachev1.GetTorrentResponse, error)

// Through returns the torrent that has id from the cache, or what load says of it, called
// once for all who ask meanwhile. While the cache may keep nothing each caller has its own
// load. The Hold that ctx carries has the memory.
func (c *Cache) Through(ctx context.Context, id infohash.ID, load Load) (*torrentcachev1.GetTorrentResponse, error) {
	hold := limit.HoldOf(ctx)
	if !c.trusted.Load() {
		return load(hold.Room(ctx))
	}
	if e, ok := c.entries.GetIfPresent(id); ok {
		c.counts.hits.Add(1)
		return e.give(ctx, hold)
	}
	c.counts.misses.Add(1)
	own := false // hold has the memory of the torrent, which was loaded here
	e, err := c.loads.Do(ctx, id, func() (*entry, error) {
		return c.load(id, c.mayKeep(id), hold.Room(ctx), func(room Room) (*torrentcachev1.GetTorrentResponse, error) {
			return load(func(n int) ([]byte, error) { own = true; return room(n) })
		})
	}, c.keep(id))
	switch {
	case err != nil:
		return nil, err
	case own:
		return e.torrent, nil
	}
	return e.give(ctx, hold)
}

// give returns the answer of GetTorrent once hold counts it.
func (e *entry) give(ctx context.Context, hold *limit.Hold) (*torrentcachev1.GetTorrentResponse, error) {
	if e.err == nil {
		if err := hold.Use(ctx, e.shared); err != nil {
			return nil, err
		}
	}
	return e.torrent, e.err
}

// load is what load says, and to be kept if it lasts and mayKeep has said so.
func (c *Cache) load(id infohash.ID, mayKeep bool, room Room, load Load) (*entry, error) {
	var refused error
	torrent, err := load(func(n int) (b []byte, err error) {
		b, refused = room(n)
		return b, refused
	})
	if refused != nil {
		return nil, flight.Own{Err: refused}
	}
	e := newEntry(torrent, err)
	e.lasts = mayKeep && e.keepable()
	if e.lasts || c.reader == nil {
		e.err = check(torrent, id, e.err)
	}
	if e.lasts && e.err == nil && c.reader == nil {
		// What came from the network counts in the budget for as long as it is in memory.
		e.torrent = wire.WithTorrent(torrent, bytes.Clone(torrent.GetTorrent()))
	}
	return e, e.err
}

// mayKeep reports whether what is loaded of id from now on may be kept. Call it in a load,
// which an Invalidate ends.
func (c *Cache) mayKeep(id infohash.ID) bool { return !c.settling.has(id) && c.admits(id) }

// check returns err, TORRENT_DAMAGED if torrent is not the one of id, or OVERLOADED if there
// was no memory for it when it arrived.
func check(torrent *torrentcachev1.GetTorrentResponse, id infohash.ID, err error) error {
	if err != nil {
		return err
	}
	if wire.WithoutMemory(torrent.GetTorrent()) {
		return reason.New(reason.Overloaded, "too many bytes of answers are in flight; try again later")
	}
	parsed, err := metainfo.Parse(torrent.GetTorrent())
	if err != nil {
		return reason.New(reason.TorrentDamaged, "the stored bytes of %s are no torrent", id).Because(err)
	}
	if !parsed.IDs().Contains(id) {
		return reason.New(reason.TorrentDamaged, "the stored bytes of %s are another torrent", id)
	}
	return nil
}

// keep returns what keeps a load of id.
func (c *Cache) keep(id infohash.ID) func(*entry, error) {
	return func(e *entry, _ error) {
		if e != nil && e.lasts && e.keepable() {
			c.entries.Set(id, e)
		}
	}
}

// ask asks the backend and checks its answer, if that came from another machine.
func (c *Cache) ask(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	got, err := c.call(ctx, id)
	if c.reader == nil {
		err = check(got, id, err)
	}
	if err != nil {
		return nil, err
	}
	return got, nil
}

// call asks the backend.
func (c *Cache) call(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	return c.torrents.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: id.String()})
}
