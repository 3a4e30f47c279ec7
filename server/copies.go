package server

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/internal/removals"
	"github.com/torrentcache/torrentcache/store"
)

// Copies brings torrents and removals of other servers into this one. The torrents pass the same
// policy as uploads, and the removals never change those of the operator here. Its errors are
// those of the API. It is safe for concurrent use.
type Copies struct {
	removals.Copied // Remove, Restore, RestoreAll and Origin
	server          *Server
}

// Copies returns the Copies of s.
func (s *Server) Copies() Copies { return Copies{removals.Copied{Removals: s.Removals}, s} }

// Has calls Has of the store.
func (c Copies) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	held, err := c.server.Store.Has(ctx, ids)
	return held, api.Error(err)
}

// Stats calls Stats of the store.
func (c Copies) Stats(ctx context.Context) (store.Stats, error) {
	stats, err := c.server.Store.Stats(ctx)
	return stats, api.Error(err)
}

// Value calls Value of the store.
func (c Copies) Value(ctx context.Context, name string) ([]byte, error) {
	value, err := c.server.Store.Value(ctx, name)
	return value, api.Error(err)
}

// SetValue calls SetValue of the store.
func (c Copies) SetValue(ctx context.Context, name string, value []byte) error {
	return api.Error(c.server.Store.SetValue(ctx, name, value))
}

// Keep stores a torrent durably. It returns TORRENT_INVALID if the torrent does not have id.
// Nobody may change the bytes afterwards.
func (c Copies) Keep(ctx context.Context, id infohash.ID, torrent []byte, rank store.Rank) error {
	if !c.server.takes(len(torrent)) {
		return c.server.tooLarge(len(torrent))
	}
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		return invalid(err)
	}
	if !parsed.IDs().Contains(id) {
		return reason.New(reason.TorrentInvalid, "these are the bytes of %s, not of %s", parsed.IDs().Primary(), id)
	}
	_, err = c.server.keep(removals.AsCopier(ctx), parsed, rank)
	return err
}

// Dropped reports for each of ids, in order, whether the store dropped it lately. Such a torrent
// is not to be copied from elsewhere.
func (c Copies) Dropped(ctx context.Context, ids []infohash.ID) ([]bool, error) {
	dropped := make([]bool, len(ids))
	if c.server.Usage == nil {
		return dropped, nil
	}
	times, err := c.server.Usage.Dropped(ctx, ids)
	if err != nil {
		return nil, api.Error(err)
	}
	for i, at := range times {
		dropped[i] = !at.IsZero()
	}
	return dropped, nil
}

// fetchPause is how long to wait when the rate of requests to the upstreams is used up.
const fetchPause = time.Second

// Fetch asks the upstreams for the torrent of id, and reports whether one had it and it is stored.
// It keeps to the rate of one address, however long that takes; ctx ends it.
func (c Copies) Fetch(ctx context.Context, id infohash.ID) bool {
	s := c.server
	here := s.here(removals.AsCopier(ctx), id)
	here.Holds = func(context.Context) bool { return false } // the store may hold it and fail to read it
	for s.Upstreams != nil && ctx.Err() == nil {
		switch s.Upstreams.Fetch(ctx, id, limit.Caller{Name: removals.Copier}, here) {
		case upstream.Found:
			return true
		case upstream.Asking, upstream.Busy, upstream.Limited:
			wait.For(ctx, fetchPause)
		default:
			return false
		}
	}
	return false
}
