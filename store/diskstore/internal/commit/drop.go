package commit

import (
	"errors"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Class ranks torrents for eviction: fetched ones go first, those of writers with a key last.
type Class uint8

// The classes, in the order of eviction.
const (
	Fetched Class = iota
	Anonymous
	Keyed
	Classes // the number of classes
)

// ClassOf returns the class of a torrent put by a writer of a rank.
func ClassOf(rank store.Rank) Class {
	switch {
	case rank >= store.RankKeyed:
		return Keyed
	case rank >= store.RankAnonymous:
		return Anonymous
	}
	return Fetched
}

// Victim is a torrent to be dropped, unless it is used before that.
type Victim struct {
	ID  infohash.ID // the primary one
	Put uint64      // the sequence of its put
}

// MayGo reports whether a torrent of a class, last used on a day, may be dropped.
type MayGo func(of Class, used uint32) bool

// Drop is the change that drops v if the rule allows it. The torrent is unknown after that.
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

// whole returns the entry of v. It returns nil if v is gone, or if an id of it leads to another
// torrent or a removal, which must not be dropped with it.
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
		return DayOf(g.committer.options.Clock()), nil // the day is unknown, so the torrent stays
	}
	if err != nil {
		return 0, err
	}
	noted := g.committer.accesses.Last(e.IDs.Primary()) // must come before the index, into which recorded accesses move
	read, err := g.index.Access(e.IDs.Primary())
	return max(read, noted, DayOf(told.Change.Time)), err
}

// dropped returns the last drop of the torrent with id after the set is applied.
func (c *ChangeSet) dropped(id infohash.ID) (index.Drop, error) {
	for set := c; set != nil; set = set.before {
		if d, ok := set.Drops[id]; ok {
			return d, nil
		}
	}
	return c.index.Dropped(id)
}

// noteDrop records the drop h of the torrent with id, whose entry was current, and makes the
// index forget data that only stored torrents need.
func (c *ChangeSet) noteDrop(h *format.Header, id infohash.ID, current *index.Entry) error {
	known, err := c.dropped(id)
	if err != nil || known.Sequence >= h.Sequence {
		return err
	}
	next := index.Drop{Sequence: h.Sequence, Time: h.Time, Segments: known.Segments}
	if current != nil && current.Put < h.Sequence {
		c.ForgetChange(current.Put)
		c.ForgetAccess(current.IDs.Primary())
		left := *current // its former segments include those of earlier drops
		left.Leaves(current.At.Segment)
		next.Segments = left.Former
	}
	if !c.bounded { // a bounded store compacts nothing
		c.Drops[id] = next
	}
	return nil
}

// afterDrop adds the segments with bytes left by a drop to next, the first entry of id since
// that drop: a removal must erase those bytes, too.
func (c *ChangeSet) afterDrop(id infohash.ID, next *index.Entry) error {
	d, err := c.dropped(id)
	for _, segment := range d.Segments {
		next.Leaves(segment)
	}
	return err
}

// fade makes the index forget the drop h.
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
