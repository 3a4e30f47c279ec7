package diskstore

import (
	"context"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// droppedStays is how long it is known at least that a torrent was dropped: long enough for
// those who follow the feed.
const droppedStays = 30 * 24 * time.Hour

// droppedStays returns how long it is known that a torrent was dropped, in seconds.
func (o Options) droppedStays() int64 {
	return int64(max(o.DropUnreadAfter, droppedStays) / time.Second)
}

// dropped returns what will be known of the last drop of the torrent with id.
func (c *changeSet) dropped(id infohash.ID) (index.Drop, error) {
	for set := c; set != nil; set = set.before {
		if d, ok := set.Drops[id]; ok {
			return d, nil
		}
	}
	return c.index.Dropped(id)
}

// noteDrop notes what h says, that torrents were dropped, of id, which had the entry current,
// and has the index forget what only a torrent that is there needs.
func (c *changeSet) noteDrop(h *format.Header, id infohash.ID, current *index.Entry) error {
	known, err := c.dropped(id)
	if err != nil || known.Sequence >= h.Sequence {
		return err
	}
	next := index.Drop{Sequence: h.Sequence, Time: h.Time, Segments: known.Segments}
	if current != nil && current.Put < h.Sequence {
		c.ForgetChange(current.Put)
		c.ForgetAccess(current.IDs.Primary())
		left := *current // its former segments are those of drops before, too
		left.Leaves(current.At.Segment)
		next.Segments = left.Former
	}
	if !c.bounded { // which compacts nothing
		c.Drops[id] = next
	}
	return nil
}

// afterDrop lets next, the first entry of id since its torrent was dropped, know of the bytes
// that were left behind then: a removal takes those away, too.
func (c *changeSet) afterDrop(id infohash.ID, next *index.Entry) error {
	d, err := c.dropped(id)
	for _, segment := range d.Segments {
		next.Leaves(segment)
	}
	return err
}

// hasFaded reports whether nobody needs the word any more that h says of a drop: a later
// one counts, or it is old, and no segment has bytes of the torrent, which an index that is
// built anew would find.
func (s *Store) hasFaded(h *format.Header, now int64) (bool, error) {
	for _, id := range h.Names.IDs(h.IDs) {
		d, err := s.index.Dropped(id)
		if err != nil {
			return false, err
		}
		isThere := func(segment uint64) bool { return s.segments.Get(segment) != nil }
		young := h.Time+s.options.droppedStays() > now
		if d.Sequence <= h.Sequence && (young || d.Sequence == 0 || slices.ContainsFunc(d.Segments, isThere)) {
			return false, nil
		}
	}
	return true, nil
}

// fade has the index forget the drop that h says.
func (g *group) fade(h *format.Header) error {
	g.ForgetChange(h.Sequence)
	for _, id := range h.Names.IDs(h.IDs) {
		d, err := g.dropped(id)
		if err != nil {
			return err
		}
		if d.Sequence == h.Sequence {
			g.ForgetDrop(id)
		}
	}
	return nil
}

// droppedPeriod returns for how long nobody copies from elsewhere what was dropped.
func (o Options) droppedPeriod() time.Duration {
	if o.DropUnreadAfter == 0 {
		return droppedStays
	}
	return o.DropUnreadAfter
}

// Dropped returns for each id, in order, when its torrent was dropped because nobody used it,
// or to make room; the zero time for those that are there, and those of which that is a
// period ago: [Options.DropUnreadAfter], or 30 days if that is zero. Whoever copies from
// elsewhere asks, lest what was dropped comes back unasked for. Errors: ErrUnavailable, or
// ctx's error.
func (s *Store) Dropped(ctx context.Context, ids []infohash.ID) ([]time.Time, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	there, err := s.index.HasAll(ids)
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, len(ids))
	since := s.options.Clock().Add(-s.options.droppedPeriod()).Unix()
	for i, id := range ids {
		if there[i].Found() {
			continue
		}
		d, err := s.index.Dropped(id)
		if err != nil {
			return nil, err
		}
		if d.Sequence != 0 && d.Time > since {
			times[i] = time.Unix(d.Time, 0).UTC()
		}
	}
	return times, nil
}
