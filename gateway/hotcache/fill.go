package hotcache

import (
	"context"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// fill is one load that several calls may wait for. While it stands in
// Cache.fills, nothing has changed since it began.
type fill struct {
	done      chan struct{} // closed when entry and abandoned are set
	entry     *entry
	abandoned bool // it failed for a reason that is not that of who waits
	settling  bool // began so soon after a change that it may not show it
	waiting   int  // how many wait for it; guarded by Cache.mu
}

// errFailed is what those who wait hear if there is nothing else to say.
var errFailed = reason.New(reason.Internal, "internal error")

// join returns the fill for id that is under way, or a new one. Of one under way
// the caller may have the entry only if it said that it waits.
func (c *Cache) join(id infohash.ID, waits bool) (f *fill, begun bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f = c.fills[id]; f == nil {
		f = &fill{done: make(chan struct{}), settling: c.settling.has(id)}
		c.fills[id] = f
		return f, false
	}
	if waits {
		f.waiting++
	}
	return f, true
}

// fill loads the torrent of id once for all who ask meanwhile, and keeps it. The
// first to ask loads; if it leaves before the end, the next one does.
func (c *Cache) fill(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	for {
		f, begun := c.join(id, true)
		if !begun {
			c.run(ctx, id, f)
			return f.entry.get()
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !f.abandoned {
			return f.entry.get()
		}
		// Another one who waited may have loaded it by now.
		if e, ok := c.entries.GetIfPresent(id); ok && c.trusted.Load() {
			return e.get()
		}
	}
}

// run does f, for the caller whose ctx it is and for all others.
func (c *Cache) run(ctx context.Context, id infohash.ID, f *fill) {
	f.entry = newEntry(nil, errFailed) // in case load panics
	defer close(f.done)
	defer func() {
		var kept *entry
		if f.entry.keepable() && c.admits(id) {
			kept = f.entry
		}
		c.end(id, f, kept)
	}()
	f.entry = c.load(ctx, id)
	f.abandoned = f.entry.err != nil && ctx.Err() != nil
}

// finish ends f with what l has loaded, which gets bytes of its own if it is kept
// or somebody waits for it.
func (c *Cache) finish(id infohash.ID, f *fill, l *local) {
	defer close(f.done)
	f.entry = newEntry(nil, errFailed)
	var kept *entry
	if c.admits(id) {
		kept = l.own()
	}
	if c.end(id, f, kept) == 0 {
		return
	}
	if e := l.own(); e != nil {
		f.entry = e
	} else {
		f.abandoned = true // what is wrong, a call of their own tells them
	}
}

// end ends f and keeps its entry, if there is one and nothing has changed since f
// began. It returns how many wait for f; nobody joins them any more.
func (c *Cache) end(id infohash.ID, f *fill, kept *entry) (waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fills[id] != f {
		return f.waiting
	}
	delete(c.fills, id)
	if kept != nil && !f.settling {
		c.entries.Set(id, kept)
	}
	return f.waiting
}

// load asks the backend and checks its answer.
func (c *Cache) load(ctx context.Context, id infohash.ID) *entry {
	got, err := c.torrents.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: id.String()})
	if err != nil {
		return newEntry(nil, err)
	}
	torrent, err := metainfo.Parse(got.GetTorrent())
	if err != nil {
		return newEntry(nil, reason.New(reason.TorrentDamaged, "the stored bytes of %s are no torrent", id).Because(err))
	}
	if !torrent.IDs().Contains(id) {
		return newEntry(nil, reason.New(reason.TorrentDamaged, "the stored bytes of %s are another torrent", id))
	}
	return newEntry(got, nil)
}
