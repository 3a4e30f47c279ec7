package index

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
)

// Batch is a set of changes that one commit makes in the index. It is not safe for concurrent
// use.
type Batch struct {
	Entries  map[infohash.ID]*Entry // nil: the id becomes unknown
	Feed     []FeedEntry
	Values   map[string]Value
	Accounts map[uint64]*Account // by segment; nil deletes one
	Drops    map[infohash.ID]Drop
	State    State // after the commit

	fallen [][]byte // keys to delete
}

// NewBatch returns a batch that changes only the state.
func NewBatch(s State) Batch {
	return Batch{
		Entries: map[infohash.ID]*Entry{}, Values: map[string]Value{}, Accounts: map[uint64]*Account{},
		Drops: map[infohash.ID]Drop{}, State: s,
	}
}

// IsEmpty reports whether b changes only the state.
func (b *Batch) IsEmpty() bool {
	return len(b.Entries) == 0 && len(b.Values) == 0 && len(b.Accounts) == 0 && len(b.fallen) == 0
}

// ForgetChange deletes the feed entry of a sequence.
func (b *Batch) ForgetChange(sequence uint64) { b.fallen = append(b.fallen, feedKey(sequence)) }

// ForgetAccess deletes the day of the last read of a torrent, by its primary id.
func (b *Batch) ForgetAccess(primary infohash.ID) { b.fallen = append(b.fallen, accessKey(primary)) }

// ForgetDrop deletes the record that the torrent with id was dropped.
func (b *Batch) ForgetDrop(id infohash.ID) { b.fallen = append(b.fallen, dropKey(id)) }

// Commit applies b atomically: after a crash the index has all of it or nothing.
func (x *Index) Commit(b *Batch) error {
	if err := x.health.err(); err != nil {
		return err
	}
	changes := x.db.NewBatch()
	defer changes.Close()
	if err := b.fill(changes); err != nil {
		return err
	}
	for id := range b.Entries {
		x.places.writing(id) // permanently, if the commit fails: the index is not used any more then
	}
	if err := x.db.Apply(changes, pebble.NoSync); err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	// Pebble reports a failed commit to its logger and returns nil.
	if err := x.health.err(); err != nil {
		return err
	}
	x.accounts.update(b.Accounts)
	if len(b.Drops) > 0 {
		x.hasDrops.Store(true)
	}
	for id, e := range b.Entries {
		x.places.written(id, e)
		if x.seen != nil {
			x.seen.add(id)
		}
	}
	return nil
}

// fill writes b into a batch of Pebble.
func (b *Batch) fill(changes *pebble.Batch) error {
	var errs []error
	for id, e := range b.Entries {
		if e == nil {
			errs = append(errs, changes.Delete(entryKey(id), nil))
		} else {
			errs = append(errs, changes.Set(entryKey(id), e.encode(), nil))
		}
	}
	for _, f := range b.Feed {
		errs = append(errs, changes.Set(feedKey(f.Sequence), f.encode(), nil))
	}
	for name, v := range b.Values {
		errs = append(errs, changes.Set(valueKey(name), v.encode(), nil))
	}
	for segment, a := range b.Accounts {
		if a == nil {
			errs = append(errs, changes.Delete(segmentKey(segment), nil))
		} else {
			errs = append(errs, changes.Set(segmentKey(segment), a.encode(), nil))
		}
	}
	for id, d := range b.Drops {
		errs = append(errs, changes.Set(dropKey(id), d.encode(), nil))
	}
	for _, key := range b.fallen {
		errs = append(errs, changes.Delete(key, nil))
	}
	errs = append(errs, changes.Set([]byte{keyState}, b.State.encode(), nil))
	return errors.Join(errs...)
}
