package diskstore

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/store"
)

// changes returns up to limit changes with a sequence above after, in order,
// and the sequence of the last.
func (x *index) changes(after uint64, limit int) (changes []store.Change, last uint64, err error) {
	if err := x.health.err(); err != nil {
		return nil, after, err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: append(feedKey(after), 0), UpperBound: []byte{keyFeed + 1}})
	if err != nil {
		return nil, after, x.health.readFailed(err)
	}
	last = after
	for ok := it.First(); ok && len(changes) < limit; ok = it.Next() {
		change, err := parseChange(it.Value())
		if err != nil {
			return nil, after, errors.Join(x.health.condemn(err), it.Close())
		}
		changes = append(changes, change)
		last = binary.BigEndian.Uint64(it.Key()[1:])
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, after, x.health.readFailed(err)
	}
	return changes, last, nil
}

// loadAccounts reads the accounts of all segments.
func (x *index) loadAccounts() error {
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keySegment}, UpperBound: []byte{keySegment + 1}})
	if err != nil {
		return x.health.readFailed(err)
	}
	x.accounts.of = map[uint64]account{}
	for ok := it.First(); ok; ok = it.Next() {
		a, err := parseAccount(it.Value())
		if err != nil || len(it.Key()) != 9 {
			return errors.Join(x.health.condemn(errBadEntry), it.Close())
		}
		x.accounts.of[binary.BigEndian.Uint64(it.Key()[1:])] = a
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return x.health.readFailed(err)
	}
	return nil
}

// pointingTo returns the entries whose bytes are in a segment, each once. It
// reads the whole index.
func (x *index) pointingTo(segment uint64) (entries []*entry, err error) {
	if err := x.health.err(); err != nil {
		return nil, err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyID}, UpperBound: []byte{keyID + 1}})
	if err != nil {
		return nil, x.health.readFailed(err)
	}
	seen := map[location]bool{}
	for ok := it.First(); ok; ok = it.Next() {
		e, err := parseEntry(it.Value())
		if err != nil {
			return nil, errors.Join(x.health.condemn(err), it.Close())
		}
		if e.at.segment == segment && !seen[e.at] {
			seen[e.at] = true
			entries = append(entries, e)
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, x.health.readFailed(err)
	}
	return entries, nil
}
