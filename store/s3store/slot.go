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

// slot is what lies under the key of an id.
type slot struct {
	id     infohash.ID
	etag   string       // of the object; empty if there is none
	broken bool         // there is one whose header is damaged
	size   int          // of its body
	hint   infohash.Set // of a broken one: the ids that it may have had
	object.Object
}

func objectKey(id infohash.ID) string { return "t/" + id.String() }

// read reads the whole object of id; with room, as readBody says, what a reader needs.
func (s *Store) read(ctx context.Context, id infohash.ID, room store.Room) (*slot, error) {
	return s.readSlot(ctx, id, 0, room)
}

// readHeader reads the header of the object of id alone.
func (s *Store) readHeader(ctx context.Context, id infohash.ID) (*slot, error) {
	return s.readSlot(ctx, id, object.HeaderSize, nil)
}

func (s *Store) readSlot(ctx context.Context, id infohash.ID, limit int, room store.Room) (*slot, error) {
	var o object.Object
	var bad error
	var whole bool
	body, etag, err := s.bucket.GetWhole(ctx, objectKey(id), limit, room, func(body []byte) bool {
		o, bad = object.Parse(body)
		whole = bad == nil && o.IDs.Contains(id) && o.Whole()
		// Without its torrent, nothing but the texts of a tombstone can be checked.
		skipped := room != nil && o.Kind != object.KindTorrent
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
	// A valid header of another id is an object that somebody put in the wrong place.
	if sl.broken = bad != nil || !o.IDs.Contains(id); sl.broken {
		sl.hint = object.IDsAt(body)
	}
	return sl, nil
}

// vacant reports whether there is nothing under the key, and so that whatever
// comes may be written there.
func (sl *slot) vacant() bool { return sl.etag == "" || !sl.broken && sl.Kind == object.KindVacant }

// isAlias reports whether the slot leads elsewhere.
func (sl *slot) isAlias() bool { return sl.etag != "" && !sl.broken && sl.Kind == object.KindAlias }

// holds reports whether the slot has what is known of id: a torrent or a removal.
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

// view reads slots once each, for one decision.
type view struct {
	store *Store
	room  store.Room // unless nil, for the torrent, of which nothing is needed but to give it
	slots map[infohash.ID]*slot
}

func (s *Store) view() *view { return &view{store: s, slots: map[infohash.ID]*slot{}} }

// viewInto is view for a reader, which has room.
func (s *Store) viewInto(room store.Room) *view {
	v := s.view()
	v.room = room
	return v
}

// assumeNew makes the slots of ids look as if nothing were there.
func (v *view) assumeNew(ids []infohash.ID) {
	for _, id := range ids {
		v.slots[id] = &slot{id: id}
	}
}

func (v *view) slot(ctx context.Context, id infohash.ID) (*slot, error) {
	if sl := v.slots[id]; sl != nil {
		return sl, nil
	}
	sl, err := v.store.read(ctx, id, v.room)
	if err == nil {
		v.slots[id] = sl
	}
	return sl, err
}

// has reports whether the object of id is that of the write w. A write that is refused may
// be there all the same: a proxy that sends it twice passes on the second answer.
func (v *view) has(ctx context.Context, id infohash.ID, w object.WriteID) bool {
	sl, err := v.slot(ctx, id)
	return err == nil && !sl.broken && sl.Write == w
}

// find returns the slot with what is known of id; nil if nothing is.
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
