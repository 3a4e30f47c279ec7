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
	done     chan struct{} // closed when entry is set
	entry    *entry
	settling bool // began so soon after a change that it may not show it
}

// fill loads the torrent of id once for all who ask meanwhile, and keeps it.
func (c *Cache) fill(ctx context.Context, id infohash.ID) (*torrentcachev1.GetTorrentResponse, error) {
	c.mu.Lock()
	f, begun := c.fills[id]
	if !begun {
		f = &fill{done: make(chan struct{}), settling: c.settling.has(id)}
		c.fills[id] = f
	}
	c.mu.Unlock()
	if !begun {
		c.run(ctx, id, f)
		return f.entry.get()
	}
	select {
	case <-f.done:
		return f.entry.get()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// run does f, for the caller whose ctx it is and for all others.
func (c *Cache) run(ctx context.Context, id infohash.ID, f *fill) {
	failed := reason.New(reason.Internal, "internal error")
	f.entry = newEntry(nil, failed) // in case load panics
	defer close(f.done)
	defer func() { c.keep(id, f) }()
	f.entry = c.load(ctx, id)
}

// keep ends f, and keeps its entry unless something has changed since it began.
func (c *Cache) keep(id infohash.ID, f *fill) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fills[id] != f {
		return
	}
	delete(c.fills, id)
	if f.entry.keepable() && !f.settling {
		c.entries.Set(id, f.entry)
	}
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
