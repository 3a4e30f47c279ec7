package migrate_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// The destination ends with the bytes of the source and with its rank, for every number
// of a rank, but never with a lower rank than it had.
func TestRanks(t *testing.T) {
	ranks := []store.Rank{1, store.RankFetched, 100, store.RankAnonymous, store.RankKeyed, 255}
	for _, same := range []bool{true, false} {
		for _, there := range append(ranks, 0) { // 0: nothing is there
			t.Run(fmt.Sprintf("same bytes %v of rank %d", same, there), func(t *testing.T) {
				from, to := memstore.New(), memstore.New()
				for n, rank := range ranks {
					it := item(t, n, 1)
					it.Rank = rank
					put(t, from, it)
					if !same {
						it = item(t, n, 2)
					}
					if it.Rank = there; there > 0 {
						put(t, to, it)
					}
				}
				var counts migrate.Counts
				must(t, migrate.Run(t.Context(), options(t, from, to), &counts))
				for n, rank := range ranks {
					want := item(t, n, 1)
					got, err := to.Get(t.Context(), want.IDs.Primary(), nil)
					if err != nil || string(got.Bytes) != string(want.Torrent) || got.Rank != max(rank, there) {
						t.Errorf("of rank %d: rank %d there, %v", rank, got.Rank, err)
					}
				}
			})
		}
	}
}

// oneKind is a source whose feed has changes of that kind only.
type oneKind struct {
	store.Store
	kind store.ChangeKind
}

func (s oneKind) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	changes, next, err := s.Store.Changes(ctx, after, limit)
	for i := range changes {
		changes[i].Kind = s.kind
	}
	return changes, next, err
}

// The kind of a change does not matter, but the state that the source has under its ids
// does. So a change of a kind that this program does not know is moved as well.
func TestChangesOfAnyKind(t *testing.T) {
	for _, kind := range []store.ChangeKind{store.ChangeDropped, 200} {
		from, to := memstore.New(), memstore.New()
		ids := fill(t, from)
		var counts migrate.Counts
		must(t, migrate.Run(t.Context(), options(t, oneKind{from, kind}, to), &counts))
		equal(t, from, to, ids)
	}
}

// gone is a source that tells of a torrent that it does not have.
type gone struct {
	store.Store
	ids infohash.Set
}

func (s gone) Changes(_ context.Context, after store.Cursor, _ int) ([]store.Change, store.Cursor, error) {
	if after != (store.Cursor{}) {
		return nil, after, nil
	}
	return []store.Change{{Kind: store.ChangeDropped, IDs: s.ids}}, store.Cursor{Epoch: 1, Sequence: 1}, nil
}

// A torrent that left the source leaves the destination, and is not removed there.
func TestDropped(t *testing.T) {
	from, to := memstore.New(), memstore.New()
	it := item(t, 2, 0)
	put(t, to, it)
	var counts migrate.Counts
	must(t, migrate.Run(t.Context(), options(t, gone{from, it.IDs}, to), &counts))
	equal(t, from, to, it.IDs.All())
}
