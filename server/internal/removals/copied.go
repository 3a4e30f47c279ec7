package removals

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// Copier is the caller's name of a mirror, for the limits and the audit log.
const Copier = "mirror"

// AsCopier returns a context for the calls of a mirror.
func AsCopier(ctx context.Context) context.Context {
	return access.NewContext(store.Copying(ctx), access.Principal{Name: Copier})
}

// Copied makes the removals that other servers decided. It never changes those of the operator
// here. It is safe for concurrent use.
type Copied struct{ *Removals }

// Remove removes the torrents of sets because source removed them; origin is the server that
// removed them first. Removals in force here stay unchanged. With keep, the bytes stay for a week.
// Remove returns when all removals are durable, or with the first error.
func (c Copied) Remove(ctx context.Context, source, origin string, sets []infohash.Set, keep bool) error {
	removal := store.Removal{Reason: copiedReason + origin, Reference: copiedReference + source, Keep: keep}
	change := func(ctx context.Context, ids []infohash.ID) []store.Removed {
		return c.store.Remove(ctx, ids, removal)
	}
	unremoved := func(removed *store.Removal) bool { return removed == nil }
	// Removing the first id of a stored torrent removes all its ids.
	first, others := idsOf(sets)
	if _, err := c.changeThose(ctx, first, unremoved, "remove", removal, change); err != nil {
		return err
	}
	_, err := c.changeThose(ctx, others, unremoved, "remove", removal, change)
	return err
}

// Restore undoes the removal of a torrent if source decided it.
func (c Copied) Restore(ctx context.Context, source string, set infohash.Set) error {
	_, err := c.restore(ctx, source, set.All())
	return err
}

// restore undoes those removals of ids that source decided, and returns their number.
func (c Copied) restore(ctx context.Context, source string, ids []infohash.ID) (int64, error) {
	made := func(removed *store.Removal) bool {
		return removed != nil && removed.Reference == copiedReference+source
	}
	why := store.Removal{Reason: "restored at its source, or by order", Reference: copiedReference + source}
	return c.changeThose(ctx, ids, made, "restore", why, c.store.Restore)
}

// RestoreAll undoes all removals that source decided, and returns their number.
func (c Copied) RestoreAll(ctx context.Context, source string) (n int64, err error) {
	for changes, err := range api.Feed(ctx, c.store) {
		if err != nil {
			return n, err
		}
		var ids []infohash.ID
		for _, change := range changes {
			if change.Kind == store.ChangeRemoved {
				ids = append(ids, change.IDs.All()...)
			}
		}
		restored, err := c.restore(ctx, source, ids)
		if n += restored; err != nil {
			return n, err
		}
	}
	return n, nil
}

// idsOf returns the primary ids of sets, and the others.
func idsOf(sets []infohash.Set) (first, others []infohash.ID) {
	for _, set := range sets {
		for _, id := range set.All() {
			if id == set.Primary() {
				first = append(first, id)
			} else {
				others = append(others, id)
			}
		}
	}
	return first, others
}

// lockPause is how long to wait for an operator's removal before the next try. Waiting for the
// lock itself would block other operators, too, and an erasure may take minutes.
const lockPause = 10 * time.Millisecond

// changeThose calls change for those of ids whose removal (nil: there is none) satisfies which,
// while nobody else changes removals. It returns how many it changed.
func (c Copied) changeThose(ctx context.Context, ids []infohash.ID, which func(*store.Removal) bool, action string, why store.Removal, change func(context.Context, []infohash.ID) []store.Removed) (n int64, err error) {
	ctx = AsCopier(ctx)
	for !c.changing.TryLock() {
		if !wait.For(ctx, lockPause) {
			return 0, ctx.Err()
		}
	}
	defer c.changing.Unlock()
	var those []infohash.ID
	var entries []audit.Entry
	for _, id := range ids {
		removed, err := c.removalOf(ctx, id)
		if err != nil {
			return 0, api.Error(err)
		}
		if which(removed) {
			those = append(those, id)
			entries = append(entries, audit.Entry{Action: action, InfoHash: id.String(), Reason: why.Reason, Reference: why.Reference})
		}
	}
	var failed error
	err = c.audit.DoAll(ctx, entries, func() []error {
		errs := make([]error, len(those))
		for i, r := range change(ctx, those) {
			errs[i] = r.Err
			switch {
			case r.Err == nil:
				n++
			case !errors.Is(r.Err, store.ErrNotFound): // else another id of the torrent came first
				failed = cmp.Or(failed, api.Error(r.Err))
			}
		}
		return errs
	})
	return n, cmp.Or(err, failed)
}
