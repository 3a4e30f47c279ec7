package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// maxDecisions is how often one call decides anew because another was first.
const maxDecisions = 20

// runPut stores the upload, sees to it that it is in the feed, and ends w.
func (s *Store) runPut(ctx context.Context, u *upload, w *write) (store.Outcome, error) {
	if err := s.announcer.room(); err != nil {
		<-s.places
		w.settle()
		return 0, err
	}
	outcome, current, err := s.store(ctx, u)
	<-s.places
	if err == nil && outcome == store.AlreadyCached {
		w.settle()
		return outcome, s.failed(ctx, s.ensureAnnounced(ctx, &current.header))
	}
	e, delta := u.announcement(current)
	if err != nil {
		s.endBy(err, doubt{id: u.item.IDs.Primary(), write: w, entry: e, delta: delta, since: time.Now()})
		return 0, s.failed(ctx, err)
	}
	if current != nil {
		s.damaged.drop(current.id)
	}
	return outcome, s.announcer.add(e, delta, w.settle).wait(ctx)
}

// announcement returns what the feed gets to know of the upload, which takes the
// place of current, nil if of nothing.
func (u *upload) announcement(current *slot) (entry, totals) {
	kind, delta := store.ChangeReplaced, totals{bytes: int64(len(u.item.Torrent))}
	if current == nil {
		kind, delta.torrents = store.ChangeAdded, 1
	} else {
		delta.bytes -= current.countedBytes()
	}
	return entry{Change: store.Change{Kind: kind, IDs: u.item.IDs, Time: u.head.stored}, write: u.head.write}, delta
}

// store decides and writes until no other writer was in between. It returns the
// slot that the torrent was in before, nil if it is new.
func (s *Store) store(ctx context.Context, u *upload) (store.Outcome, *slot, error) {
	v := s.view()
	if u.item.Replaces == (store.Version{}) {
		v.assumeNew(u.item.IDs.All()) // most are: that is tried before anything is read
	}
	for range maxDecisions {
		current, outcome, err := s.decide(ctx, v, u)
		if err != nil {
			return outcome, current, err
		}
		if err = s.writeAliases(ctx, v, u, current); err == nil && outcome != store.AlreadyCached {
			err = s.commit(ctx, v, u, current)
		}
		if !errors.Is(err, errLost) {
			return outcome, current, err
		}
		v = s.view()
	}
	return 0, nil, fmt.Errorf("%w: other writers were first %d times", store.ErrUnavailable, maxDecisions)
}

// decide says what becomes of the upload by the rules of [store.Store.Put], and
// in which slot it meets its torrent, nil if in none.
func (s *Store) decide(ctx context.Context, v *view, u *upload) (*slot, store.Outcome, error) {
	var found []*slot
	for _, id := range u.item.IDs.All() {
		sl, err := v.find(ctx, id)
		if err != nil {
			return nil, 0, err
		}
		if sl != nil && !sl.broken && sl.kind == kindTombstone {
			return nil, 0, &store.RemovedError{Removal: sl.removal()}
		}
		found = append(found, sl)
	}
	primary := found[0] // All begins with the primary id
	for i, id := range u.item.IDs.All() {
		if found[i] != primary && !lostAlias(found[i], primary, id) {
			return nil, 0, store.ErrConflict
		}
	}
	if primary == nil {
		if u.item.Replaces != (store.Version{}) {
			return nil, 0, store.ErrChanged
		}
		return nil, store.Created, nil
	}
	outcome, err := decideSame(primary, u)
	return primary, outcome, err
}

// lostAlias reports whether sl is an alias of primary for id that is damaged or
// was deleted behind our back.
func lostAlias(sl, primary *slot, id infohash.ID) bool {
	if sl != nil {
		return sl.broken && sl.id == id
	}
	return primary.holds(id)
}

// decideSame is decide for an upload of the torrent that current holds. The info
// bytes of one that is damaged cannot be compared.
func decideSame(current *slot, u *upload) (store.Outcome, error) {
	if current.broken {
		return store.Healed, nil
	}
	conditional := u.item.Replaces != store.Version{}
	matches := conditional && u.item.Replaces == current.version
	damaged := current.object.damaged()
	switch {
	case current.ids != u.item.IDs:
		return 0, store.ErrConflict
	case damaged && conditional && !matches:
		return 0, store.ErrChanged
	case damaged:
		return store.Healed, nil
	case !bytes.Equal(current.info(), u.item.Info()):
		return 0, store.ErrConflict
	case current.version == u.head.version:
		return store.AlreadyCached, nil
	case conditional && !matches:
		return 0, store.ErrChanged
	case conditional, u.item.Rank > current.rank:
		return store.Replaced, nil
	}
	return store.AlreadyCached, nil
}

// commit writes the torrent in the place of current, which is nil if there is
// nothing. errLost says that another writer was first.
func (s *Store) commit(ctx context.Context, v *view, u *upload, current *slot) error {
	if current == nil {
		var err error
		if current, err = v.slot(ctx, u.item.IDs.Primary()); err != nil {
			return err
		}
	}
	return s.bucket.write(ctx, objectKey(u.item.IDs.Primary()), u.body, current.etag)
}
