package diskstore

import (
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// changeSet gathers what one batch will change in the index. The committer and
// recovery both make their batches with it, so that what a record means is said
// once, here. Not safe for concurrent use.
type changeSet struct {
	index *index
	// before is what the index will know when this comes to it, though it does not
	// yet; nil if there is nothing. It is not changed any more.
	before  *changeSet
	entries map[infohash.ID]*entry // nil: the id becomes unknown
	feed    []feedEntry
	values  map[string]keptValue
	// accounts are of the segments that the changes touch; nil takes one away.
	accounts map[uint64]*account
	drops    map[infohash.ID]droppedTorrent
	fallen   [][]byte // keys of the index that go, of what fell off a bounded store or was dropped
	state    state    // as it will be
	// What get found last in the index: whoever decides about a record asks for it, and
	// apply asks again. It stays true as long as neither this nor before has the id.
	foundID infohash.ID
	found   *entry
}

func newChangeSet(x *index, before *changeSet, s state) *changeSet {
	return &changeSet{index: x, before: before, entries: map[infohash.ID]*entry{}, values: map[string]keptValue{}, accounts: map[uint64]*account{}, drops: map[infohash.ID]droppedTorrent{}, state: s}
}

// get returns the entry of id as it will be, nil if there is none.
func (c *changeSet) get(id infohash.ID) (*entry, error) {
	for set := c; set != nil; set = set.before {
		if e, ok := set.entries[id]; ok {
			return e, nil
		}
	}
	if id == c.foundID {
		return c.found, nil
	}
	e, err := c.index.get(id)
	if err == nil {
		c.foundID, c.found = id, e
	}
	return e, err
}

// apply adds what a record at the place at says. Of two records about an id the
// higher sequence wins, and an equal one is a copy. Copies made by compaction
// stand behind records with higher sequences, so what is removed and where the
// bytes are is decided apart, and for each id by itself: records about the same
// id need not be about the same others.
func (c *changeSet) apply(h *format.Header, at location, removal store.Removal) error {
	ids := h.Names.IDs(h.IDs)
	currents, err := c.getAll(ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		next := after(currents[i], h, at, removal)
		if next != nil && next.sequence == h.Sequence && h.Lost && c.index.bounded {
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
	c.state.sequence = max(c.state.sequence, h.Sequence)
	c.tell(h, at)
	if h.IsWord() {
		c.account(at.segment).addWord(h)
	}
	return nil
}

// tell puts what h says into the feed, in the place of what stands there under its
// sequence. Of words it says where they stand, which only the feed knows.
func (c *changeSet) tell(h *format.Header, at location) {
	f := feedEntry{sequence: h.Sequence, names: h.Names, change: store.Change{Kind: h.Kind, IDs: h.IDs, Time: time.Unix(h.Time, 0).UTC()}}
	if h.IsWord() {
		f.at = at
	}
	c.feed = append(c.feed, f)
}

// keepRoom is apply for a record that is about no torrent, or of which this program
// does not know what it says: it counts as needed until its segment goes.
func (c *changeSet) keepRoom(h *format.Header, at location) {
	c.state.sequence = max(c.state.sequence, h.Sequence)
	c.account(at.segment).live += h.Size()
}

// getAll returns the entries of ids as they will be.
func (c *changeSet) getAll(ids []infohash.ID) ([]*entry, error) {
	entries := make([]*entry, len(ids))
	for i, id := range ids {
		var err error
		if entries[i], err = c.get(id); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// after returns the entry of an id of h, which had the entry current, once the
// record is there; nil says that it is unknown. If nothing changes it is current.
func after(current *entry, h *format.Header, at location, removal store.Removal) *entry {
	if h.IsPut() {
		return afterPut(current, h, at)
	}
	if current != nil && (current.sequence > h.Sequence || current.sequence == h.Sequence && !h.Void) {
		return current
	}
	next := entry{names: h.Names, ids: h.IDs}
	if current != nil {
		next = *current
	}
	if h.LeavesNoBytes() {
		next.leaves(next.at.segment)
		next.at, next.damaged = location{}, false
	}
	next.sequence = h.Sequence
	next.removal = removal
	next.removal.Erase, next.removal.Keep = false, false
	if next.removed = h.Kind == store.ChangeRemoved; next.removed {
		next.until = due(current, h, removal.Erase)
	} else if next.at.isZero() {
		return nil
	}
	return &next
}

// afterPut is after for a put.
func afterPut(current *entry, h *format.Header, at location) *entry {
	next := entry{
		sequence: h.Sequence, put: h.Sequence, at: at, names: h.Names, ids: h.IDs,
		rank: h.Rank, version: h.Version, damaged: h.Lost,
	}
	if current == nil {
		return &next
	}
	next.former = current.former
	isGone := current.at.isZero() && h.Sequence <= current.put // by a record that leaves no bytes
	switch {
	case h.Sequence == current.put && h.Lost && current.at.segment != 0 && !current.damaged:
		return current // bytes that are there again, after all
	case h.Sequence < current.put, isGone: // others took its place
		kept := *current
		kept.leaves(at.segment)
		return &kept
	case h.Sequence < current.sequence: // the bytes of what was removed, or restored
		next.sequence = current.sequence
		next.removed, next.removal, next.until = current.removed, current.removal, current.until
	}
	next.leaves(current.at.segment)
	return &next
}

// removedStays is how long removed bytes can be restored for. They leave the
// disk within 24 hours; the other half is for compaction to get to it.
const removedStays = 12 * time.Hour

// keptStays is removedStays for removals with Keep.
const keptStays = 7 * 24 * time.Hour

// due returns when the bytes that h removes are to leave the disk, in seconds
// since 1970. Removing again does not put that off.
func due(current *entry, h *format.Header, erase bool) int64 {
	until := h.Time
	switch {
	case erase:
	case h.Kept:
		until += int64(keptStays / time.Second)
	default:
		until += int64(removedStays / time.Second)
	}
	if current != nil && current.removed {
		until = min(until, current.until)
	}
	return until
}

// set puts next in the place of current, the entry of id.
func (c *changeSet) set(id infohash.ID, current, next *entry) {
	if current == next {
		return
	}
	c.count(id, current, -1)
	c.count(id, next, +1)
	c.entries[id] = next
}

// change puts next in the place of e under every id that has e, which must be as
// get gave it.
func (c *changeSet) change(e, next *entry) error {
	ids := e.all()
	currents, err := c.getAll(ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if current := currents[i]; current != nil && current.sequence == e.sequence && current.at == e.at {
			c.set(id, current, next)
		}
	}
	return nil
}

// count adds the entry of an id to the statistics and to the accounts of
// segments, sign times. What a record has once is counted with its primary id.
func (c *changeSet) count(id infohash.ID, e *entry, sign int64) {
	if e == nil {
		return
	}
	if e.removed {
		c.state.removed += sign
	}
	if id != e.ids.Primary() {
		return
	}
	if e.visible() {
		c.state.torrents += sign
		c.state.bytes += sign * int64(e.at.length)
	}
	if !e.at.isZero() {
		c.account(e.at.segment).count(e, sign)
	}
	if !e.removed || sign < 0 {
		return
	}
	for _, segment := range e.former {
		c.account(segment).schedule(e.until)
	}
}

// account returns the account of a segment, to be changed.
func (c *changeSet) account(segment uint64) *account {
	a := c.accounts[segment]
	if a == nil {
		known := c.known(segment)
		a = &known
		c.accounts[segment] = a
	}
	return a
}

// known returns the account of a segment as it was before these changes.
func (c *changeSet) known(segment uint64) account {
	if c.before == nil {
		return c.index.accounts.get(segment)
	}
	a, changed := c.before.accounts[segment]
	switch {
	case !changed:
		return c.before.known(segment)
	case a == nil:
		return account{}
	}
	return *a
}

// mend takes the mark of damage from the bytes at a place, and reports whether there
// was one.
func (c *changeSet) mend(id infohash.ID, at location) (bool, error) {
	e, err := c.get(id)
	if err != nil || e == nil || e.at != at || !e.damaged {
		return false, err
	}
	next := *e
	next.damaged = false
	return true, c.change(e, &next)
}

// damage notes that the bytes at a place are damaged, and reports whether that
// was news: not if e is elsewhere by now, or known to be damaged.
func (c *changeSet) damage(id infohash.ID, at location) (bool, error) {
	e, err := c.get(id)
	if err != nil || e == nil || e.at != at || e.damaged {
		return false, err
	}
	next := *e
	next.damaged = true
	return true, c.change(e, &next)
}
