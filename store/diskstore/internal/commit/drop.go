package commit

import (
	"errors"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Class is what a torrent counts for when something has to go: what nobody gave us goes
// first, what a writer with a key gave us last.
type Class uint8

// The classes, in the order in which they go.
const (
	Fetched Class = iota
	Anonymous
	Keyed
	Classes // how many there are
)

// ClassOf returns the class of what a writer of a rank put.
func ClassOf(rank store.Rank) Class {
	switch {
	case rank >= store.RankKeyed:
		return Keyed
	case rank >= store.RankAnonymous:
		return Anonymous
	}
	return Fetched
}

// Victim is a torrent that is to be dropped, unless it is used before that happens.
type Victim struct {
	ID  infohash.ID // the primary one
	Put uint64      // the sequence of the put that was found
}

// MayGo says whether a torrent of a class, last used on a day, may be dropped.
type MayGo func(of Class, used uint32) bool

// Drop is the change that drops v if it may go. The torrent is unknown from then on.
func (g *Group) Drop(v Victim, rule MayGo) (bool, error) {
	e, err := g.whole(v)
	if err != nil || e == nil {
		return false, err
	}
	used, err := g.lastUsed(e)
	if err != nil || !rule(ClassOf(e.Rank), used) {
		return false, err
	}
	if g.noRoomAtAll != nil {
		return false, g.noRoomAtAll
	}
	h := &format.Header{Kind: store.ChangeDropped, Names: e.Names, IDs: e.IDs}
	return true, g.append(h, nil, store.Removal{})
}

// whole returns the entry of v, nil if v is gone, or not every id of it leads to it: what is
// known of another torrent, or of a removal, must not end with it.
func (g *Group) whole(v Victim) (*index.Entry, error) {
	e, err := g.Get(v.ID)
	if err != nil || !e.Visible() || e.Put != v.Put {
		return nil, err
	}
	others, err := g.getAll(e.All())
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if !other.Visible() || other.Put != e.Put {
			return nil, nil
		}
	}
	return e, nil
}

// lastUsed returns the day on which the torrent of e was put or last read.
func (g *Group) lastUsed(e *index.Entry) (uint32, error) {
	told, err := g.told(e.Put)
	if errors.Is(err, index.ErrBadEntry) {
		return DayOf(g.committer.options.Clock()), nil // nobody knows when, so that it stays
	}
	if err != nil {
		return 0, err
	}
	noted := g.committer.accesses.Last(e.IDs.Primary()) // first, for what is noted goes into the index
	read, err := g.index.Access(e.IDs.Primary())
	return max(read, noted, DayOf(told.Change.Time)), err
}

// dropped returns what will be known of the last drop of the torrent with id.
func (c *ChangeSet) dropped(id infohash.ID) (index.Drop, error) {
	for set := c; set != nil; set = set.before {
		if d, ok := set.Drops[id]; ok {
			return d, nil
		}
	}
	return c.index.Dropped(id)
}

// noteDrop notes what h says, that torrents were dropped, of id, which had the entry current,
// and has the index forget what only a torrent that is there needs.
func (c *ChangeSet) noteDrop(h *format.Header, id infohash.ID, current *index.Entry) error {
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
func (c *ChangeSet) afterDrop(id infohash.ID, next *index.Entry) error {
	d, err := c.dropped(id)
	for _, segment := range d.Segments {
		next.Leaves(segment)
	}
	return err
}

// fade has the index forget the drop that h says.
func (g *Group) fade(h *format.Header) error {
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
