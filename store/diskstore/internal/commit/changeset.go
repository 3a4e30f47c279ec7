package commit

import (
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// ChangeSet gathers what one batch will change in the index. The committer and
// recovery both make their batches with it, so that what a record means is said
// once, here. An entry is never changed once it is in a ChangeSet; a changed copy takes its
// place. Not safe for concurrent use.
type ChangeSet struct {
	index.Batch
	index   *index.Index
	bounded bool // the store is a cache of something else
	// before is what the index will know when this comes to it, though it does not
	// yet; nil if there is nothing. It is not changed any more.
	before *ChangeSet
	// What Get found last in the index: whoever decides about a record asks for it, and
	// Apply asks again. It stays true as long as neither this nor before has the id.
	foundID infohash.ID
	found   *index.Entry
}

// NewChangeSet returns one that changes nothing but the state. before is what x will know when
// this comes to it; nil if that is what it knows.
func NewChangeSet(bounded bool, x *index.Index, before *ChangeSet, s index.State) *ChangeSet {
	return &ChangeSet{Batch: index.NewBatch(s), index: x, bounded: bounded, before: before}
}

// Get returns the entry of id as it will be, nil if there is none.
func (c *ChangeSet) Get(id infohash.ID) (*index.Entry, error) {
	for set := c; set != nil; set = set.before {
		if e, ok := set.Entries[id]; ok {
			return e, nil
		}
	}
	if id == c.foundID {
		return c.found, nil
	}
	e, err := c.index.Get(id)
	if err == nil {
		c.foundID, c.found = id, e
	}
	return e, err
}

// Apply adds what a record at the place at says. Of two records about an id the
// higher sequence wins, and an equal one is a copy. Copies made by compaction
// stand behind records with higher sequences, so what is removed and where the
// bytes are is decided apart, and for each id by itself: records about the same
// id need not be about the same others.
func (c *ChangeSet) Apply(h *format.Header, at format.Place, removal store.Removal) error {
	ids := h.Names.IDs(h.IDs)
	currents, err := c.getAll(ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		next := after(currents[i], h, at, removal)
		if next != nil && next.Sequence == h.Sequence && h.Lost && c.bounded {
			next = nil // a cache can get it again
		}
		if currents[i] == nil && next != nil {
			err = c.afterDrop(id, next)
		} else if h.Kind == store.ChangeDropped {
			err = c.noteDrop(h, id, currents[i])
		}
		if err != nil {
			return err
		}
		c.set(id, currents[i], next)
	}
	c.State.Sequence = max(c.State.Sequence, h.Sequence)
	c.tell(h, at)
	if h.IsWord() {
		c.account(at.Segment).AddWord(h)
	}
	return nil
}

// tell puts what h says into the feed, in the place of what stands there under its
// sequence. Of words it says where they stand, which only the feed knows.
func (c *ChangeSet) tell(h *format.Header, at format.Place) {
	f := index.FeedEntry{Sequence: h.Sequence, Names: h.Names, Change: store.Change{Kind: h.Kind, IDs: h.IDs, Time: time.Unix(h.Time, 0).UTC()}}
	if h.IsWord() {
		f.At = at
	}
	c.Feed = append(c.Feed, f)
}

// KeepRoom is Apply for a record that is about no torrent, or of which this program
// does not know what it says: it counts as needed until its segment goes.
func (c *ChangeSet) KeepRoom(h *format.Header, at format.Place) {
	c.State.Sequence = max(c.State.Sequence, h.Sequence)
	c.account(at.Segment).Live += h.Size()
}

// getAll returns the entries of ids as they will be.
func (c *ChangeSet) getAll(ids []infohash.ID) ([]*index.Entry, error) {
	entries := make([]*index.Entry, len(ids))
	for i, id := range ids {
		var err error
		if entries[i], err = c.Get(id); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// set puts next in the place of current, the entry of id.
func (c *ChangeSet) set(id infohash.ID, current, next *index.Entry) {
	if current == next {
		return
	}
	c.count(id, current, -1)
	c.count(id, next, +1)
	c.Entries[id] = next
}

// change puts next in the place of e under every id that has e, which must be as
// get gave it.
func (c *ChangeSet) change(e, next *index.Entry) error {
	ids := e.All()
	currents, err := c.getAll(ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if current := currents[i]; current != nil && current.Sequence == e.Sequence && current.At == e.At {
			c.set(id, current, next)
		}
	}
	return nil
}

// count adds the entry of an id to the statistics and to the accounts of
// segments, sign times. What a record has once is counted with its primary id.
func (c *ChangeSet) count(id infohash.ID, e *index.Entry, sign int64) {
	if e == nil {
		return
	}
	if e.Removed {
		c.State.Removed += sign
	}
	if id != e.IDs.Primary() {
		return
	}
	if e.Visible() {
		c.State.Torrents += sign
		c.State.Bytes += sign * int64(e.At.Length)
	}
	if !e.At.IsZero() {
		c.account(e.At.Segment).Count(e, sign)
	}
	if !e.Removed || sign < 0 {
		return
	}
	for _, segment := range e.Former {
		c.account(segment).Schedule(e.Until)
	}
}

// account returns the account of a segment, to be changed.
func (c *ChangeSet) account(segment uint64) *index.Account {
	a := c.Accounts[segment]
	if a == nil {
		known := c.known(segment)
		a = &known
		c.Accounts[segment] = a
	}
	return a
}

// known returns the account of a segment as it was before these changes.
func (c *ChangeSet) known(segment uint64) index.Account {
	if c.before == nil {
		return c.index.Account(segment)
	}
	a, changed := c.before.Accounts[segment]
	switch {
	case !changed:
		return c.before.known(segment)
	case a == nil:
		return index.Account{}
	}
	return *a
}

// Mend takes the mark of damage from the bytes at a place, and reports whether there
// was one.
func (c *ChangeSet) Mend(id infohash.ID, at format.Place) (bool, error) {
	e, err := c.Get(id)
	if err != nil || e == nil || e.At != at || !e.Damaged {
		return false, err
	}
	next := *e
	next.Damaged = false
	return true, c.change(e, &next)
}

// Damage notes that the bytes at a place are damaged, and reports whether that
// was news: not if e is elsewhere by now, or known to be damaged.
func (c *ChangeSet) Damage(id infohash.ID, at format.Place) (bool, error) {
	e, err := c.Get(id)
	if err != nil || e == nil || e.At != at || e.Damaged {
		return false, err
	}
	next := *e
	next.Damaged = true
	return true, c.change(e, &next)
}
