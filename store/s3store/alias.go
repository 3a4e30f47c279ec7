package s3store

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// aliasOf returns an alias for the ids of a torrent. The place of the version has a
// random number, so that no two writes of an alias are alike, nor their ETags.
func aliasOf(h object.Header, write object.WriteID) []byte {
	alias := object.Header{Kind: object.KindAlias, IDs: h.IDs, Write: write, Stored: h.Stored}
	rand.Read(alias.Version[:])
	return alias.Append(nil)
}

// writeAliases writes the aliases that are not there, or damaged. bucket.ErrLost says
// that another writer was first.
//
// Unless the torrent is in current already, aliases that are there are written as
// well. A removal may have read one of them when it led to nothing of its own, and
// be about to put a tombstone in its place: of that and this write one is refused.
// So no torrent is committed while one of its aliases becomes a tombstone.
func (s *Store) writeAliases(ctx context.Context, v *view, u *upload, current *slot) error {
	committed := current != nil && !current.broken
	for _, id := range u.item.IDs.All()[1:] {
		sl, err := v.slot(ctx, id)
		if err != nil {
			return err
		}
		if committed && sl.isAlias() && sl.IDs == u.item.IDs {
			continue
		}
		err = s.bucket.Write(ctx, objectKey(id), aliasOf(u.head, u.head.Write), sl.etag)
		if errors.Is(err, bucket.ErrLost) && s.view().has(ctx, id, u.head.Write) {
			err = nil
		}
		if err != nil {
			return err
		}
		s.damaged.drop(id)
	}
	return nil
}

// mendAlias returns the slot of the torrent that the damaged slot sl was an alias
// of, after writing the alias anew; nil if it does not say so any more. What it
// says is trusted only if the torrent named says that it has the id.
func (v *view) mendAlias(ctx context.Context, w *write, sl *slot) (*slot, error) {
	for _, id := range []infohash.ID{sl.hint.V1, sl.hint.V2} {
		if id.IsZero() || id == sl.id {
			continue
		}
		main, err := v.slot(ctx, id)
		if err != nil {
			return nil, err
		}
		if main.broken || !main.holds(sl.id) {
			continue
		}
		return main, v.store.bucket.Write(ctx, objectKey(sl.id), aliasOf(main.Header, w.id), sl.etag)
	}
	return nil, nil
}
