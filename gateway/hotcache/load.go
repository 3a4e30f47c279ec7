package hotcache

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/metainfo"
)

// entry is the answer of the backend about one id. It never changes, except for answer, which is
// made when it is first needed.
type entry struct {
	torrent *torrentcachev1.GetTorrentResponse // nil if there is none
	err     error                              // why there is none
	lasts   bool                               // it is checked, and the cache keeps it
	shared  *limit.Shared                      // counts the torrent's bytes while they are sent
	answer  atomic.Pointer[fastpath.Answer]    // to its download; nil until it is needed
}

// newEntry returns the entry for an answer of the backend.
func newEntry(torrent *torrentcachev1.GetTorrentResponse, err error) *entry {
	return &entry{torrent: torrent, err: err, shared: limit.NewShared(int64(len(torrent.GetTorrent())))}
}

// keepable reports whether e is an answer that the cache may keep.
func (e *entry) keepable() bool {
	if e.err != nil {
		return notFound(e.err)
	}
	return !e.torrent.GetStale()
}

// entryOverhead is the memory of an entry beside the torrent's bytes: message, strings,
// the answer's header and the cache's own node, in bytes.
const entryOverhead = 3 << 10

// weight is the memory that e takes, in bytes.
func (e *entry) weight() uint32 { return uint32(len(e.torrent.GetTorrent()) + entryOverhead) }

// age is how long e may stay.
func (e *entry) age() time.Duration {
	if e.err != nil {
		return absentAge
	}
	return maxAge
}

// Reader reads torrents from a store in the same process. It must be safe for
// concurrent use.
type Reader interface {
	// ReadTorrent answers as GetTorrent does to a caller without credentials. If it calls alloc,
	// the bytes lie in the memory that alloc returns, and an error of alloc is returned. The store
	// has compared the bytes with the checksum that it keeps of the torrent under id.
	ReadTorrent(ctx context.Context, id infohash.ID, alloc Alloc) (*torrentcachev1.GetTorrentResponse, error)
}

// Alloc returns n bytes with arbitrary content, once they are counted.
type Alloc = func(n int) ([]byte, error)

// Load gets a torrent from the backend. It is [Reader]'s method for one id.
type Load = func(alloc Alloc) (*torrentcachev1.GetTorrentResponse, error)

// Through returns the torrent that has id from the cache, or the result of load, which it calls
// once for all callers that ask meanwhile. While the cache may keep nothing, each caller has its
// own load. The Reservation that ctx carries counts the memory.
func (c *Cache) Through(ctx context.Context, id infohash.ID, load Load) (*torrentcachev1.GetTorrentResponse, error) {
	reserved := limit.ReservationOf(ctx)
	if !c.trusted.Load() {
		return load(reserved.Alloc(ctx))
	}
	if e, ok := c.entries.GetIfPresent(id); ok {
		c.counts.hits.Add(1)
		return e.give(ctx, reserved)
	}
	c.counts.misses.Add(1)
	own := false // this call loaded the torrent, and reserved counts its memory
	e, err := c.loads.Do(ctx, id, func() (*entry, error) {
		return c.load(id, c.mayKeep(id), reserved.Alloc(ctx), func(alloc Alloc) (*torrentcachev1.GetTorrentResponse, error) {
			return load(func(n int) ([]byte, error) { own = true; return alloc(n) })
		})
	}, c.keep(id))
	switch {
	case err != nil:
		return nil, err
	case own:
		return e.torrent, nil
	}
	return e.give(ctx, reserved)
}

// give returns the answer of GetTorrent once reserved counts it.
func (e *entry) give(ctx context.Context, reserved *limit.Reservation) (*torrentcachev1.GetTorrentResponse, error) {
	if e.err == nil {
		if err := reserved.Use(ctx, e.shared); err != nil {
			return nil, err
		}
	}
	return e.torrent, e.err
}

// load returns the entry for the result of load. The cache is to keep it if mayKeep is true and
// the answer is keepable.
func (c *Cache) load(id infohash.ID, mayKeep bool, alloc Alloc, load Load) (*entry, error) {
	var refused error
	torrent, err := load(func(n int) (b []byte, err error) {
		b, refused = alloc(n)
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
		// Bytes from the network count in the budget for as long as they are in memory.
		e.torrent = wire.WithTorrent(torrent, bytes.Clone(torrent.GetTorrent()))
	}
	return e, e.err
}

// check returns err if that is not nil, TORRENT_DAMAGED if torrent is not the one of id, and
// OVERLOADED if there was no memory for it when it arrived.
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

// keep returns the function that stores a finished load of id in the cache.
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
