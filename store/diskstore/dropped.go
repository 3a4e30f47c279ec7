package diskstore

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// droppedStays is how long it is known at least that a torrent was dropped: long enough for
// those who follow the feed.
const droppedStays = 30 * 24 * time.Hour

// droppedStays returns how long it is known that a torrent was dropped, in seconds.
func (o Options) droppedStays() int64 {
	return int64(max(o.DropUnreadAfter, droppedStays) / time.Second)
}

// droppedTorrent is what the index knows of a torrent that was dropped, under each of its
// ids: its bytes are still where they were until compaction comes there.
type droppedTorrent struct {
	sequence uint64   // of the drop; zero if there was none
	time     int64    // of the drop, in seconds since 1970
	segments []uint64 // that had bytes of it
}

func (d droppedTorrent) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(le.AppendUint64(nil, d.sequence), uint64(d.time))
	for _, segment := range d.segments {
		b = le.AppendUint64(b, segment)
	}
	return b
}

func parseDropped(b []byte) (droppedTorrent, error) {
	if len(b) < 16 || len(b)%8 != 0 {
		return droppedTorrent{}, errBadEntry
	}
	le := binary.LittleEndian
	d := droppedTorrent{sequence: le.Uint64(b), time: int64(le.Uint64(b[8:]))}
	for b = b[16:]; len(b) > 0; b = b[8:] {
		d.segments = append(d.segments, le.Uint64(b))
	}
	return d, nil
}

func droppedKey(id infohash.ID) []byte { return id.AppendTo([]byte{keyDropped}) }

// dropped returns what is known of the last drop of the torrent with id.
func (x *index) dropped(id infohash.ID) (droppedTorrent, error) {
	if !x.hasDrops.Load() {
		return droppedTorrent{}, nil
	}
	value, err := x.lookUp(droppedKey(id))
	if err != nil || value == nil {
		return droppedTorrent{}, err
	}
	d, err := parseDropped(value)
	if err != nil {
		err = x.health.condemn(err)
	}
	return d, err
}

// dropped returns what will be known of the last drop of the torrent with id.
func (c *changeSet) dropped(id infohash.ID) (droppedTorrent, error) {
	for set := c; set != nil; set = set.before {
		if d, ok := set.drops[id]; ok {
			return d, nil
		}
	}
	return c.index.dropped(id)
}

// noteDrop notes what h says, that torrents were dropped, of id, which had the entry current,
// and has the index forget what only a torrent that is there needs.
func (c *changeSet) noteDrop(h *format.Header, id infohash.ID, current *entry) error {
	known, err := c.dropped(id)
	if err != nil || known.sequence >= h.Sequence {
		return err
	}
	next := droppedTorrent{sequence: h.Sequence, time: h.Time, segments: known.segments}
	if current != nil && current.put < h.Sequence {
		c.fallen = append(c.fallen, feedKey(current.put), accessKey(current.ids.Primary()))
		left := *current // its former segments are those of drops before, too
		left.leaves(current.at.segment)
		next.segments = left.former
	}
	if !c.index.bounded { // which compacts nothing
		c.drops[id] = next
	}
	return nil
}

// afterDrop lets next, the first entry of id since its torrent was dropped, know of the bytes
// that were left behind then: a removal takes those away, too.
func (c *changeSet) afterDrop(id infohash.ID, next *entry) error {
	d, err := c.dropped(id)
	for _, segment := range d.segments {
		next.leaves(segment)
	}
	return err
}

// hasFaded reports whether nobody needs the word any more that h says of a drop: a later
// one counts, or it is old, and no segment has bytes of the torrent, which an index that is
// built anew would find.
func (s *Store) hasFaded(h *format.Header, now int64) (bool, error) {
	for _, id := range h.Names.IDs(h.IDs) {
		d, err := s.index.dropped(id)
		if err != nil {
			return false, err
		}
		isThere := func(segment uint64) bool { return s.segments.get(segment) != nil }
		young := h.Time+s.options.droppedStays() > now
		if d.sequence <= h.Sequence && (young || d.sequence == 0 || slices.ContainsFunc(d.segments, isThere)) {
			return false, nil
		}
	}
	return true, nil
}

// fade has the index forget the drop that h says.
func (g *group) fade(h *format.Header) error {
	g.fallen = append(g.fallen, feedKey(h.Sequence))
	for _, id := range h.Names.IDs(h.IDs) {
		d, err := g.dropped(id)
		if err != nil {
			return err
		}
		if d.sequence == h.Sequence {
			g.fallen = append(g.fallen, droppedKey(id))
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
	there, err := s.index.hasAll(ids)
	if err != nil {
		return nil, err
	}
	times := make([]time.Time, len(ids))
	since := s.options.Clock().Add(-s.options.droppedPeriod()).Unix()
	for i, id := range ids {
		if there[i].Found() {
			continue
		}
		d, err := s.index.dropped(id)
		if err != nil {
			return nil, err
		}
		if d.sequence != 0 && d.time > since {
			times[i] = time.Unix(d.time, 0).UTC()
		}
	}
	return times, nil
}
