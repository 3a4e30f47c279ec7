package migrate

import (
	"context"
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/store"
)

// maxAttempts bounds the attempts to store one torrent while it changes in the destination.
const maxAttempts = 10

// errBusy says that others keep changing a torrent in the destination.
var errBusy = errors.New("others change it in the destination")

// equal gives the destination the source's records of ids. The ids of one change may belong to
// several records by now. Removals come last, because clearing another id may undo them.
func (m *mover) equal(ctx context.Context, ids infohash.Set) error {
	removals := map[infohash.ID]store.Removal{}
	for _, id := range ids.All() {
		torrent, err := m.From.Get(ctx, id, nil)
		removed, isRemoved := errors.AsType[*store.RemovedError](err)
		switch {
		case err == nil:
			err = m.put(ctx, torrent)
		case isRemoved:
			removals[id], err = removed.Removal, nil
		case errors.Is(err, store.ErrNotFound):
			err = m.clear(ctx, id)
		case errors.Is(err, store.ErrDamaged):
			m.refuse(id, err)
			err = nil
		default:
			err = fmt.Errorf("reading %s: %w", id, err)
		}
		if err != nil || torrent.IDs == ids {
			return err
		}
	}
	for id, removal := range removals {
		if err := m.remove(ctx, id, removal); err != nil {
			return err
		}
	}
	return nil
}

func (m *mover) refuse(id infohash.ID, err error) {
	m.counts.Refused.Add(1)
	m.Refused(id, err)
}

// put makes the destination have t. If the torrent has a higher rank there than t, it keeps that
// rank.
func (m *mover) put(ctx context.Context, t store.Torrent) error {
	id := t.IDs.Primary()
	parsed, err := metainfo.Parse(t.Bytes)
	if err != nil || parsed.IDs() != t.IDs {
		m.refuse(id, fmt.Errorf("%w: these are not the bytes of a torrent with this info hash", store.ErrDamaged))
		return nil
	}
	offset, length := parsed.InfoSpan()
	item := store.Item{IDs: t.IDs, Torrent: t.Bytes, InfoOffset: offset, InfoLength: length, Rank: t.Rank}
	for range maxAttempts {
		result := m.To.Put(ctx, []store.Item{item})[0]
		switch {
		case result.Err == nil && result.Outcome != store.AlreadyCached && result.Outcome != store.Outranked:
			m.counts.Torrents.Add(1)
			m.counts.Bytes.Add(int64(len(t.Bytes)))
			return nil
		case errors.Is(result.Err, store.ErrRemoved):
			if err := m.restore(ctx, t.IDs.All()...); err != nil {
				return err
			}
			continue
		case errors.Is(result.Err, store.ErrConflict):
			m.refuse(id, result.Err)
			return nil
		case result.Err != nil && !errors.Is(result.Err, store.ErrChanged):
			return fmt.Errorf("storing %s: %w", id, result.Err)
		}
		current, err := m.To.Get(ctx, id, nil)
		if err == nil && current.Version == t.Version {
			return nil // Put has raised the rank if necessary
		}
		if err != nil && !lasting(err) {
			return fmt.Errorf("reading %s of the destination: %w", id, err)
		}
		item.Replaces = current.Version // the zero version if the torrent is gone
	}
	return fmt.Errorf("storing %s: %w", id, errBusy)
}

// lasting reports whether err describes the torrent. Otherwise the store could not answer.
func lasting(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRemoved) || errors.Is(err, store.ErrDamaged)
}

// remove makes id removed in the destination, with the reason, reference and time of want.
func (m *mover) remove(ctx context.Context, id infohash.ID, want store.Removal) error {
	_, err := m.To.Get(ctx, id, nil)
	if have, ok := errors.AsType[*store.RemovedError](err); ok && same(have.Removal, want) {
		return nil
	}
	if err != nil && !lasting(err) {
		return fmt.Errorf("reading %s of the destination: %w", id, err)
	}
	if err := m.removeOne(ctx, id, want); err != nil {
		return fmt.Errorf("removing %s: %w", id, err)
	}
	m.counts.Removals.Add(1)
	return nil
}

func same(a, b store.Removal) bool {
	return a.Reason == b.Reason && a.Reference == b.Reference && a.Time.Equal(b.Time)
}

// clear makes id unknown in the destination. An id is unknown in the source once its bytes were
// erased and its removal was undone.
func (m *mover) clear(ctx context.Context, id infohash.ID) error {
	_, err := m.To.Get(ctx, id, nil)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil && !lasting(err):
		return fmt.Errorf("reading %s of the destination: %w", id, err)
	}
	if err := m.removeOne(ctx, id, store.Removal{Erase: true}); err != nil {
		return fmt.Errorf("erasing %s: %w", id, err)
	}
	return m.restore(ctx, id)
}

func (m *mover) removeOne(ctx context.Context, id infohash.ID, removal store.Removal) error {
	return m.To.Remove(ctx, []infohash.ID{id}, removal)[0].Err
}

// restore undoes the removals of ids. It leaves alone the ids that are not removed.
func (m *mover) restore(ctx context.Context, ids ...infohash.ID) error {
	for i, restored := range m.To.Restore(ctx, ids) {
		if restored.Err != nil && !errors.Is(restored.Err, store.ErrNotFound) {
			return fmt.Errorf("restoring %s: %w", ids[i], restored.Err)
		}
	}
	return nil
}
