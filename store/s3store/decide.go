package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// maxDecisions is how often one call decides anew because another writer was first.
const maxDecisions = 20

// runPut stores the upload, waits until the feed has it, and ends w.
func (s *Store) runPut(ctx context.Context, u *upload, w *write) (store.Outcome, error) {
	if err := s.announcer.checkRoom(); err != nil {
		<-s.putPlaces
		w.settle()
		return 0, err
	}
	d, err := s.store(ctx, u)
	<-s.putPlaces
	if err == nil && !d.writes {
		w.settle()
		return d.outcome, s.failed(ctx, s.ensureAnnounced(ctx, &d.current.Header))
	}
	e, delta := u.announcement(d.current)
	if err != nil {
		s.endBy(err, doubt{id: u.item.IDs.Primary(), write: w, entry: e, delta: delta, since: time.Now()})
		return 0, s.failed(ctx, err)
	}
	if d.current != nil {
		s.damaged.drop(d.current.id)
	}
	return d.outcome, s.announcer.add(e, delta, w.settle).wait(ctx)
}

// announcement returns the feed entry of an upload that replaces current, and the change of the
// totals. Current is nil if the upload is new.
func (u *upload) announcement(current *slot) (object.Entry, object.Totals) {
	kind, delta := store.ChangeReplaced, object.Totals{Bytes: int64(len(u.item.Torrent))}
	if current == nil {
		kind, delta.Torrents = store.ChangeAdded, 1
	} else {
		delta.Bytes -= current.countedBytes()
	}
	return object.Entry{Change: store.Change{Kind: kind, IDs: u.item.IDs, Time: u.head.Stored}, Write: u.head.Write}, delta
}

// decision is the fate of an upload.
type decision struct {
	outcome store.Outcome
	current *slot      // where its torrent is stored already; nil if nowhere
	writes  bool       // whether the upload replaces current
	rank    store.Rank // of the stored torrent after that
}

// store decides and writes, again whenever another writer was first.
func (s *Store) store(ctx context.Context, u *upload) (decision, error) {
	v := s.view()
	if u.item.Replaces == (store.Version{}) {
		v.assumeNew(u.item.IDs.All()) // most uploads are: try that before reading anything
	}
	for range maxDecisions {
		d, err := s.decide(ctx, v, u)
		if err != nil || d.outcome == store.Outranked {
			return d, err
		}
		if err = s.writeAliases(ctx, v, u, d.current); err == nil && d.writes {
			if err = s.commit(ctx, v, u, d); bucket.Landed(err) {
				return d, err // deciding anew might store it twice
			}
		}
		if !errors.Is(err, bucket.ErrLost) {
			return d, err
		}
		if v = s.view(); d.writes && v.has(ctx, u.item.IDs.Primary(), u.head.Write) {
			return d, nil
		}
	}
	return decision{}, fmt.Errorf("%w: other writers were first %d times", store.ErrUnavailable, maxDecisions)
}

// decide applies the rules of [store.Store.Put] to the upload.
func (s *Store) decide(ctx context.Context, v *view, u *upload) (decision, error) {
	var found []*slot
	for _, id := range u.item.IDs.All() {
		sl, err := v.find(ctx, id)
		if err != nil {
			return decision{}, err
		}
		if sl != nil && !sl.broken && sl.Kind == object.KindTombstone {
			return decision{}, &store.RemovedError{Removal: sl.Removal()}
		}
		found = append(found, sl)
	}
	primary := found[0] // All begins with the primary id
	for i, id := range u.item.IDs.All() {
		if found[i] != primary && !lostAlias(found[i], primary, id) {
			return decision{}, store.ErrConflict
		}
	}
	if primary == nil {
		if u.item.Replaces != (store.Version{}) {
			return decision{}, store.ErrChanged
		}
		return decision{outcome: store.Created, writes: true, rank: u.item.Rank}, nil
	}
	outcome, err := decideSame(primary, u)
	return withRank(decision{outcome: outcome, current: primary}, u), err
}

// withRank completes d with the rank of the stored torrent, and with whether to write: because
// the upload replaces the torrent, or for its higher rank alone.
func withRank(d decision, u *upload) decision {
	d.rank = u.item.Rank
	same := !d.current.broken && d.current.Version == u.head.Version
	if same || d.outcome == store.Replaced {
		d.rank = max(d.rank, d.current.Rank)
	}
	switch d.outcome {
	case store.AlreadyCached:
		d.writes = same && d.rank > d.current.Rank
	case store.Replaced, store.Healed:
		d.writes = true
	}
	return d
}

// lostAlias reports whether sl, the slot of id, is an alias of primary that is damaged or that
// somebody else deleted.
func lostAlias(sl, primary *slot, id infohash.ID) bool {
	if sl != nil {
		return sl.broken && sl.id == id
	}
	return primary.holds(id)
}

// decideSame is decide for an upload of the torrent in current. The info bytes of a damaged
// torrent cannot be compared.
func decideSame(current *slot, u *upload) (store.Outcome, error) {
	if current.broken {
		return store.Healed, nil
	}
	conditional := u.item.Replaces != store.Version{}
	matches := conditional && u.item.Matches(current.Version, current.Rank)
	damaged := current.Object.Damaged()
	switch {
	case current.IDs != u.item.IDs:
		return 0, store.ErrConflict
	case damaged && conditional && !matches:
		return 0, store.ErrChanged
	case damaged:
		return store.Healed, nil
	case !bytes.Equal(current.Info(), u.item.Info()):
		return 0, store.ErrConflict
	case current.Version == u.head.Version:
		return store.AlreadyCached, nil
	case conditional && !matches:
		return 0, store.ErrChanged
	case conditional:
		return store.Replaced, nil
	case u.item.Rank > current.Rank:
		return store.Outranked, nil
	}
	return store.AlreadyCached, nil
}

// commit writes the torrent as d says, in place of the stored one, if any. bucket.ErrLost means
// that another writer was first.
func (s *Store) commit(ctx context.Context, v *view, u *upload, d decision) error {
	current := d.current
	if current == nil {
		var err error
		if current, err = v.slot(ctx, u.item.IDs.Primary()); err != nil {
			return err
		}
	}
	return s.bucket.Write(ctx, objectKey(u.item.IDs.Primary()), u.bodyOf(d.rank), current.etag)
}
