package index

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// each calls visit for every key of the index that begins with the letter prefix, in
// their order, until it returns an error. Key and value are visit's until it returns.
func (x *Index) each(prefix byte, visit func(key, value []byte) error) error {
	if err := x.health.err(); err != nil {
		return err
	}
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return x.health.readFailed(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err := visit(it.Key(), it.Value()); errors.Is(err, ErrBadEntry) {
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

// Region is a part of the log: it reports whether a place is in it.
type Region func(at format.Place) bool

// PointingTo returns the entries whose bytes are in a part of the log, each once. It
// reads the whole index.
func (x *Index) PointingTo(in Region) (entries []*Entry, err error) {
	seen := map[format.Place]bool{}
	return entries, x.each(keyID, func(_, value []byte) error {
		e, err := parseEntry(value)
		if err == nil && !e.At.IsZero() && in(e.At) && !seen[e.At] {
			seen[e.At] = true
			entries = append(entries, e)
		}
		return err
	})
}
