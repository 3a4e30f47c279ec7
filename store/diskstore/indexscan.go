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
		f, err := parseFeedEntry(it.Key(), it.Value())
		if err != nil {
			return nil, after, errors.Join(x.health.condemn(err), it.Close())
		}
		changes = append(changes, f.change)
		last = f.sequence
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, after, x.health.readFailed(err)
	}
	return changes, last, nil
}

// each calls visit for every key of the index that begins with the letter prefix, in
// their order, until it returns an error. Key and value are visit's until it returns.
func (x *index) each(prefix byte, visit func(key, value []byte) error) error {
	if err := x.health.err(); err != nil {
		return err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return x.health.readFailed(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err := visit(it.Key(), it.Value()); errors.Is(err, errBadEntry) {
			return errors.Join(x.health.condemn(err), it.Close())
		} else if err != nil {
			return errors.Join(err, it.Close())
		}
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return x.health.readFailed(err)
	}
	return nil
}

// errEnough ends a walk through the index.
var errEnough = errors.New("enough was seen")

// loadAccounts reads the accounts of all segments, and whether there are drops.
func (x *index) loadAccounts() error {
	x.accounts.of = map[uint64]account{}
	err := x.each(keyDropped, func(_, _ []byte) error {
		x.hasDrops.Store(true)
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return x.each(keySegment, func(key, value []byte) error {
		a, err := parseAccount(value)
		if err != nil || len(key) != 9 {
			return errBadEntry
		}
		x.accounts.of[binary.BigEndian.Uint64(key[1:])] = a
		return nil
	})
}

// region is a part of the log: it reports whether a place is in it.
type region func(at location) bool

// pointingTo returns the entries whose bytes are in a part of the log, each once. It
// reads the whole index.
func (x *index) pointingTo(in region) (entries []*entry, err error) {
	seen := map[location]bool{}
	return entries, x.each(keyID, func(_, value []byte) error {
		e, err := parseEntry(value)
		if err == nil && !e.at.isZero() && in(e.at) && !seen[e.at] {
			seen[e.at] = true
			entries = append(entries, e)
		}
		return err
	})
}

// wordsIn returns the words that stand in a part of the log. It reads the whole feed.
func (x *index) wordsIn(in region) (words []feedEntry, err error) {
	return words, x.each(keyFeed, func(key, value []byte) error {
		f, err := parseFeedEntry(key, value)
		if err == nil && f.at.segment != 0 && in(f.at) {
			words = append(words, f)
		}
		return err
	})
}

// valuesIn returns the named values that stand in a part of the log.
func (x *index) valuesIn(in region) (values []keptValue, err error) {
	return values, x.each(keyValue, func(key, value []byte) error {
		v, err := parseKeptValue(string(key[1:]), value)
		if err == nil && in(v.at) {
			values = append(values, v)
		}
		return err
	})
}
