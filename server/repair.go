package server

import (
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
)

// Repairer brings back torrents that the store has lost. It is safe for concurrent use.
type Repairer interface {
	// Repair fetches the torrent of id and stores it, and reports whether it is whole now. It
	// takes no longer than a reader should wait.
	Repair(ctx context.Context, id infohash.ID) bool
	// All fetches the torrents of ids and stores them, and returns those that it could not.
	All(ctx context.Context, ids []infohash.ID) []infohash.ID
}

// stillLost has what a verification found repaired, and returns what could not be.
func (s *Server) stillLost(ctx context.Context, ids []infohash.ID) []infohash.ID {
	if s.repairer == nil || len(ids) == 0 {
		return ids
	}
	return s.repairer.All(ctx, ids)
}

// getWhole is the store's Get, for a reader: what is damaged or cannot be read is repaired first, if
// that can be.
func (s *Server) getWhole(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	torrent, err := s.store.Get(ctx, id, room)
	lost := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrUnavailable)
	if !lost || s.repairer == nil || ctx.Err() != nil || !s.repairer.Repair(ctx, id) {
		return torrent, err
	}
	return s.store.Get(ctx, id, room)
}

// fetchPause is how long to wait when the upstreams are asked for as much as they may be.
const fetchPause = time.Second

// Fetch asks the upstreams for the torrent of id, and reports whether one had it and it is
// stored. It keeps to the rate of one address, however long that takes; ctx ends it.
func (c Copies) Fetch(ctx context.Context, id infohash.ID) bool {
	s := c.server
	here := s.here(asCopier(ctx), id)
	here.Holds = func(context.Context) bool { return false } // it may be here, and not be read
	for s.upstreams != nil && ctx.Err() == nil {
		switch s.upstreams.Fetch(ctx, id, limit.Caller{Name: copier}, here) {
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
