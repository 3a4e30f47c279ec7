package s3store

import (
	"context"
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// slot is the content of the key of an id, as read.
type slot struct {
	id     infohash.ID
	etag   string       // of the object; empty if the key has no object
	broken bool         // the object's header is damaged
	size   int          // of the object's body, in bytes
	hint   infohash.Set // if broken, the ids that the object may have had
	object.Object
}

func objectKey(id infohash.ID) string { return "t/" + id.String() }

// read reads the whole object of id. With an alloc it reads only the parts that a reader needs, as
// [bucket.Bucket.Get] says.
func (s *Store) read(ctx context.Context, id infohash.ID, alloc store.Alloc) (*slot, error) {
	return s.readSlot(ctx, id, 0, alloc)
}

// readHeader reads only the header of the object of id.
func (s *Store) readHeader(ctx context.Context, id infohash.ID) (*slot, error) {
	return s.readSlot(ctx, id, object.HeaderSize, nil)
}

func (s *Store) readSlot(ctx context.Context, id infohash.ID, limit int, alloc store.Alloc) (*slot, error) {
	var o object.Object
	var bad error
	var whole bool
	body, etag, err := s.bucket.GetWhole(ctx, objectKey(id), limit, alloc, func(body []byte) bool {
		o, bad = object.Parse(body)
		whole = bad == nil && o.IDs.Contains(id) && o.Whole()
		// Without its torrent, only the texts of a tombstone can be checked.
		skipped := alloc != nil && o.Kind != object.KindTorrent
		return whole || bad == nil && o.IDs.Contains(id) && (limit > 0 || skipped && o.TextsWhole())
	})
	if errors.Is(err, bucket.ErrAbsent) {
		return &slot{id: id}, nil
	}
	if err != nil {
		return nil, err
	}
	if errors.Is(bad, store.ErrUnavailable) {
		return nil, fmt.Errorf("%s: %w", objectKey(id), bad)
	}
	if whole && limit == 0 {
		s.damaged.drop(id) // another node may have healed it
	}
	sl := &slot{id: id, etag: etag, size: len(body), Object: o}
	// A valid header with other ids belongs to an object that somebody copied to the wrong key.
	if sl.broken = bad != nil || !o.IDs.Contains(id); sl.broken {
		sl.hint = object.IDsAt(body)
	}
	return sl, nil
}

// vacant reports whether the key has nothing that a write must preserve.
func (sl *slot) vacant() bool { return sl.etag == "" || !sl.broken && sl.Kind == object.KindVacant }

// isAlias reports whether the slot is an alias.
func (sl *slot) isAlias() bool { return sl.etag != "" && !sl.broken && sl.Kind == object.KindAlias }

// holds reports whether the slot has the state of id: a torrent or a removal. A broken slot
// counts as holding it.
func (sl *slot) holds(id infohash.ID) bool {
	switch {
	case sl.etag == "" || sl.broken:
		return sl.broken
	case sl.Ahead:
		return id == sl.id
	}
	return (sl.Kind == object.KindTorrent || sl.Kind == object.KindTombstone) && sl.IDs.Contains(id)
}

// removedIDs returns how many ids a tombstone removes.
func (sl *slot) removedIDs() int64 {
	if sl.Ahead {
		return 1
	}
	return int64(len(sl.IDs.All()))
}

// view reads each slot at most once, for one decision.
type view struct {
	store *Store
	alloc store.Alloc // memory for the torrent; nil to read every object whole
	slots map[infohash.ID]*slot
}

func (s *Store) view() *view { return &view{store: s, slots: map[infohash.ID]*slot{}} }

// viewInto is view for a reader that needs only the torrent, in memory from alloc.
func (s *Store) viewInto(alloc store.Alloc) *view {
	v := s.view()
	v.alloc = alloc
	return v
}

// assumeNew makes the view see nothing under ids without reading them.
func (v *view) assumeNew(ids []infohash.ID) {
	for _, id := range ids {
		v.slots[id] = &slot{id: id}
	}
}

func (v *view) slot(ctx context.Context, id infohash.ID) (*slot, error) {
	if sl := v.slots[id]; sl != nil {
		return sl, nil
	}
	sl, err := v.store.read(ctx, id, v.alloc)
	if err == nil {
		v.slots[id] = sl
	}
	return sl, err
}

// has reports whether the object of id was made by the write w. A refused write may have been
// done all the same: a proxy that sends the request twice passes on the second answer.
func (v *view) has(ctx context.Context, id infohash.ID, w object.WriteID) bool {
	sl, err := v.slot(ctx, id)
	return err == nil && !sl.broken && sl.Write == w
}

// find returns the slot that has the state of id, following an alias; nil if there is none.
func (v *view) find(ctx context.Context, id infohash.ID) (*slot, error) {
	sl, err := v.slot(ctx, id)
	if err == nil && sl.isAlias() {
		sl, err = v.slot(ctx, sl.IDs.Primary())
	}
	if err != nil || !sl.holds(id) {
		return nil, err
	}
	return sl, nil
}
