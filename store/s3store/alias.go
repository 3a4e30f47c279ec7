package s3store

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// aliasOf returns an alias for the ids of a torrent. A random number in the version field makes
// every write of an alias, and so its ETag, unique.
func aliasOf(h object.Header, write object.WriteID) []byte {
	alias := object.Header{Kind: object.KindAlias, IDs: h.IDs, Write: write, Stored: h.Stored}
	rand.Read(alias.Version[:])
	return alias.Append(nil)
}

// writeAliases writes the aliases that are missing or damaged. bucket.ErrLost means that another
// writer was first.
//
// Unless current has the torrent already, it rewrites intact aliases as well. A removal may have
// read such an alias before the torrent was there, and may be about to replace the alias with a
// tombstone. The object store refuses one of these two writes. So no torrent is committed while
// one of its aliases becomes a tombstone.
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

// mendAlias returns the slot of the torrent that the damaged alias sl belonged to, after
// rewriting the alias; nil if that torrent cannot be found. The ids in a damaged alias are
// trusted only if the torrent they name has the id of the alias.
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
