package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/store"
)

// Usage is what a store knows of what is read, and of what it dropped since nobody read it. Its
// errors are those of a [store.Store]. It is safe for concurrent use.
type Usage interface {
	// Dropped returns for each of ids, in order, when it was dropped; the zero time for those
	// that are there, and those that were not dropped or so long ago that they may come again.
	Dropped(ctx context.Context, ids []infohash.ID) ([]time.Time, error)
	// LastAccess returns the day on which the torrent of id was last read, as its first second,
	// UTC; the zero time if that is not known.
	LastAccess(ctx context.Context, id infohash.ID) (time.Time, error)
}

// lastRead returns the day on which the torrent of id was last read, nil if that is not known,
// or the caller may not know it. It tells of others, so it is for those who keep copies.
func (s *Server) lastRead(ctx context.Context, id infohash.ID) (*timestamppb.Timestamp, error) {
	if s.usage == nil || !access.FromContext(ctx).Roles.Has(access.Sync) {
		return nil, nil
	}
	at, err := s.usage.LastAccess(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // it has just gone
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err, id)
	}
	return timestamp(at), nil
}

// Dropped reports for each of ids, in order, whether the store dropped it lately, so that it is
// not to be copied from elsewhere.
func (c Copies) Dropped(ctx context.Context, ids []infohash.ID) ([]bool, error) {
	dropped := make([]bool, len(ids))
	if c.server.usage == nil {
		return dropped, nil
	}
	times, err := c.server.usage.Dropped(ctx, ids)
	if err != nil {
		return nil, apiError(err)
	}
	for i, at := range times {
		dropped[i] = !at.IsZero()
	}
	return dropped, nil
}
