package server

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/store"
)

// Copies brings torrents and removals of other servers into this one. Torrents pass the same
// policy as uploads, and removals never touch those of the operator here. Its errors are those
// of the API. It is safe for concurrent use.
type Copies struct{ server *Server }

// Copies returns the Copies of s.
func (s *Server) Copies() Copies { return Copies{s} }

// copier is who makes copies, for the limits and the audit log.
const copier = "mirror"

func asCopier(ctx context.Context) context.Context {
	return access.NewContext(store.Copying(ctx), access.Principal{Name: copier})
}

// Has calls Has of the store.
func (c Copies) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	held, err := c.server.store.Has(ctx, ids)
	return held, apiError(err)
}

// Stats calls Stats of the store.
func (c Copies) Stats(ctx context.Context) (store.Stats, error) {
	stats, err := c.server.store.Stats(ctx)
	return stats, apiError(err)
}

// Value calls Value of the store.
func (c Copies) Value(ctx context.Context, name string) ([]byte, error) {
	value, err := c.server.store.Value(ctx, name)
	return value, apiError(err)
}

// SetValue calls SetValue of the store.
func (c Copies) SetValue(ctx context.Context, name string, value []byte) error {
	return apiError(c.server.store.SetValue(ctx, name, value))
}

// Origin names this server as the origin of removals.
func (c Copies) Origin(ctx context.Context) (string, error) {
	text, err := c.server.originText(ctx)
	return text, apiError(err)
}

// apiError is err of the store in the API's words; nil if it is nil.
func apiError(err error) error {
	if err == nil {
		return nil
	}
	return storeError(err, infohash.ID{})
}

// Keep stores a torrent that should have id, durably. The error is TORRENT_INVALID if it does
// not have id. Nobody may change its bytes afterwards.
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
	_, err = c.server.keep(asCopier(ctx), parsed, rank)
	return err
}

// Remove removes the torrents of sets, which source says are removed; origin is the server that
// removed them first. Removals that are in force here stay unchanged. With keep the bytes stay
// for a week. It returns when all is durable, or the first error.
func (c Copies) Remove(ctx context.Context, source, origin string, sets []infohash.Set, keep bool) error {
	removal := copied(source, origin, keep)
	change := func(ctx context.Context, ids []infohash.ID) []store.Removed {
		return c.server.store.Remove(ctx, ids, removal)
	}
	unremoved := func(removed *store.Removal) bool { return removed == nil }
	// By its first id a torrent that is here is removed with all of them.
	first, others := idsOf(sets)
	if _, err := c.changeThose(ctx, first, unremoved, "remove", removal, change); err != nil {
		return err
	}
	_, err := c.changeThose(ctx, others, unremoved, "remove", removal, change)
	return err
}

// Restore undoes the removal of a torrent if source decided it.
func (c Copies) Restore(ctx context.Context, source string, set infohash.Set) error {
	_, err := c.restore(ctx, source, set.All())
	return err
}

// restore undoes those removals of ids that source decided, and returns their number.
func (c Copies) restore(ctx context.Context, source string, ids []infohash.ID) (int64, error) {
	made := func(removed *store.Removal) bool { return removed != nil && isOf(*removed, source) }
	why := store.Removal{Reason: "restored at its source, or by order", Reference: copiedReference + source}
	return c.changeThose(ctx, ids, made, "restore", why, c.server.store.Restore)
}

// RestoreAll undoes all removals that source decided, and returns their number.
func (c Copies) RestoreAll(ctx context.Context, source string) (n int64, err error) {
	var cursor store.Cursor
	for {
		changes, next, err := c.server.store.Changes(ctx, cursor, watchBatch)
		if err != nil || len(changes) == 0 {
			return n, apiError(err)
		}
		cursor = next
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

// lockPause is how long to wait for an operator's removal. The lock is not queued for, since an
// erasure may take minutes, and other operators would wait, too.
const lockPause = 10 * time.Millisecond

// changeThose changes the removals of those of ids of which that is to be done, of which nobody
// else changes any meanwhile. It returns how many were changed.
func (c Copies) changeThose(ctx context.Context, ids []infohash.ID, which func(*store.Removal) bool, action string, why store.Removal, change func(context.Context, []infohash.ID) []store.Removed) (n int64, err error) {
	ctx = asCopier(ctx)
	for !c.server.removals.TryLock() {
		if !wait.For(ctx, lockPause) {
			return 0, ctx.Err()
		}
	}
	defer c.server.removals.Unlock()
	var those []infohash.ID
	var entries []audit.Entry
	for _, id := range ids {
		removed, err := c.removalOf(ctx, id)
		if err != nil {
			return 0, apiError(err)
		}
		if which(removed) {
			those = append(those, id)
			entries = append(entries, audit.Entry{Action: action, InfoHash: id.String(), Reason: why.Reason, Reference: why.Reference})
		}
	}
	var failed error
	err = c.server.auditedAll(ctx, entries, func() []error {
		errs := make([]error, len(those))
		for i, r := range change(ctx, those) {
			errs[i] = r.Err
			switch {
			case r.Err == nil:
				n++
			case !errors.Is(r.Err, store.ErrNotFound): // another id of it came first
				failed = cmp.Or(failed, apiError(r.Err))
			}
		}
		return errs
	})
	return n, cmp.Or(err, failed)
}

// removalOf returns the removal that is in force for id, nil if there is none.
func (c Copies) removalOf(ctx context.Context, id infohash.ID) (*store.Removal, error) {
	_, err := c.server.store.Get(ctx, id, func(int) ([]byte, error) { return nil, errHeld })
	if removed, ok := errors.AsType[*store.RemovedError](err); ok {
		return &removed.Removal, nil
	}
	if errors.Is(err, errHeld) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDamaged) {
		return nil, nil
	}
	return nil, err
}
