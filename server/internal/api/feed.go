package api

import (
	"context"
	"iter"

	"github.com/torrentcache/torrentcache/store"
)

// feedBatch bounds the changes that are in memory at a time.
const feedBatch = 1000

// Feed returns all changes of st, oldest first, in batches. An error, one of the API, ends it.
func Feed(ctx context.Context, st store.Store) iter.Seq2[[]store.Change, error] {
	return func(yield func([]store.Change, error) bool) {
		var cursor store.Cursor
		for {
			changes, next, err := st.Changes(ctx, cursor, feedBatch)
			if err != nil {
				yield(nil, Error(err))
				return
			}
			if next == cursor || !yield(changes, nil) {
				return
			}
			cursor = next
		}
	}
}
