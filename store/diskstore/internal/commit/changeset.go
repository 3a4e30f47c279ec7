package commit

import (
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// ChangeSet gathers the changes of one batch of the index. Both the committer and recovery use
// it, so the meaning of records is defined only here. An entry in a ChangeSet is never modified;
// a changed copy replaces it. A ChangeSet is not safe for concurrent use.
type ChangeSet struct {
	index.Batch
	index   *index.Index
	bounded bool // the store is a bounded cache
	// before is the earlier set that the index will have applied when it gets this one, but has
	// not yet; nil if there is none. It is not modified any more.
	before *ChangeSet
	// foundID and found are the last result of Get from the index: a decision about a record
	// asks for it, and Apply asks again. The result stays valid as long as neither this set nor
	// before has the id.
	foundID infohash.ID
	found   *index.Entry
}

// NewChangeSet returns a set that changes only the state. The set before is one that x will have
// applied when it gets this one; nil if there is none.
func NewChangeSet(bounded bool, x *index.Index, before *ChangeSet, s index.State) *ChangeSet {
	return &ChangeSet{Batch: index.NewBatch(s), index: x, bounded: bounded, before: before}
}

// Get returns the entry of id after the set is applied; nil if there is none.
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

// Apply adds the meaning of a record at a place. If two records are about an id, the higher
// sequence wins; records with equal sequences are copies. Copies made by compaction come after
// records with higher sequences. So Apply decides separately whether an id is removed and where its
// bytes are. It does so for each id, because records that share an id may differ in others.
func (c *ChangeSet) Apply(h *format.Header, at format.Place, removal store.Removal) error {
	ids := h.Names.IDs(h.IDs)
	currents, err := c.getAll(ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		next := after(currents[i], h, at, removal)
		if next != nil && next.Sequence == h.Sequence && h.Lost && c.bounded {
			next = nil // a cache can fetch it again
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

// tell puts the change of h into the feed, replacing an entry with the same sequence. For words
// it adds the place of the record, which only the feed knows.
func (c *ChangeSet) tell(h *format.Header, at format.Place) {
	f := index.FeedEntry{Sequence: h.Sequence, Names: h.Names, Change: store.Change{Kind: h.Kind, IDs: h.IDs, Time: time.Unix(h.Time, 0).UTC()}}
	if h.IsWord() {
		f.At = at
	}
	c.Feed = append(c.Feed, f)
}

// KeepRoom is Apply for a record that is not about a torrent or has an unknown kind. It counts
// as needed until its segment is deleted.
func (c *ChangeSet) KeepRoom(h *format.Header, at format.Place) {
	c.State.Sequence = max(c.State.Sequence, h.Sequence)
	c.account(at.Segment).Live += h.Size()
}

// getAll returns the entries of ids after the set is applied.
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

// set replaces current, the entry of id, by next.
func (c *ChangeSet) set(id infohash.ID, current, next *index.Entry) {
	if current == next {
		return
	}
	c.count(id, current, -1)
	c.count(id, next, +1)
	c.Entries[id] = next
}

// change replaces e by next under every id that has e. The entry e must be as Get returned it.
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

// count adds the entry of an id to the statistics and the accounts of segments, sign times.
// Amounts that a record has once are counted under its primary id.
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

// account returns the account of a segment for modification.
func (c *ChangeSet) account(segment uint64) *index.Account {
	a := c.Accounts[segment]
	if a == nil {
		known := c.known(segment)
		a = &known
		c.Accounts[segment] = a
	}
	return a
}

// known returns the account of a segment before this set.
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

// Mend removes the mark of damage from the bytes at a place, and reports whether there was one.
func (c *ChangeSet) Mend(id infohash.ID, at format.Place) (bool, error) {
	e, err := c.Get(id)
	if err != nil || e == nil || e.At != at || !e.Damaged {
		return false, err
	}
	next := *e
	next.Damaged = false
	return true, c.change(e, &next)
}

// Damage marks the bytes at a place as damaged. It reports false if the entry has other bytes by
// now, or is marked already.
func (c *ChangeSet) Damage(id infohash.ID, at format.Place) (bool, error) {
	e, err := c.Get(id)
	if err != nil || e == nil || e.At != at || e.Damaged {
		return false, err
	}
	next := *e
	next.Damaged = true
	return true, c.change(e, &next)
}
