package server

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Usage is what a store knows of what is read, and of what it dropped since nobody read it. Its
// errors are those of a [store.Store]. It is safe for concurrent use.
type Usage interface {
	// Dropped returns for each of ids, in order, when it was dropped; the zero time for those
	// that are there, and those that were not dropped or so long ago that they may come again.
	Dropped(ctx context.Context, ids []infohash.ID) ([]time.Time, error)
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
