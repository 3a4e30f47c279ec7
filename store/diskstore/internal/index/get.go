package index

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Get returns the entry of id; nil if there is none.
func (x *Index) Get(id infohash.ID) (*Entry, error) {
	if x.seen != nil && x.seen.lacks(id) {
		return nil, x.health.err()
	}
	before := x.places.changes(id)
	e, err := x.read(id)
	if err == nil {
		x.places.keep(id, e, before)
	}
	return e, err
}

// Place returns the place of the visible torrent with id, if it is known without a look-up.
func (x *Index) Place(id infohash.ID) (format.Place, bool) {
	if x.health.err() != nil {
		return format.Place{}, false
	}
	at, known := x.places.find(id)
	return at, known
}

// read is Get without the filter and the cache of places.
func (x *Index) read(id infohash.ID) (*Entry, error) {
	var key [1 + infohash.SizeV2]byte
	value, err := x.lookUp(id.AppendTo(append(key[:0], keyID)))
	if err != nil || value == nil {
		return nil, err
	}
	e, err := parseEntry(value)
	if err != nil {
		return nil, x.health.condemn(err)
	}
	return e, nil
}

// lookUp returns a copy of the value of key, nil if there is none. Values are
// never empty.
func (x *Index) lookUp(key []byte) ([]byte, error) {
	if err := x.health.err(); err != nil {
		return nil, err
	}
	value, closer, err := x.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, x.health.readFailed(err)
	}
	value = append([]byte(nil), value...)
	return value, closer.Close()
}

// few is up to how many ids are looked up one by one: an iterator costs as much as these
// look-ups.
const few = 4

// HasAll returns the result of Has for each id. It looks up many ids in the order of the index,
// where neighbours are close: FindMissingTorrents asks for thousands.
func (x *Index) HasAll(ids []infohash.ID) ([]store.Held, error) {
	has := make([]store.Held, len(ids))
	var unknown []wanted
	for i, id := range ids {
		var known bool
		if has[i], known = x.places.held(id); !known {
			unknown = append(unknown, wanted{id.AppendTo(append(make([]byte, 0, 1+infohash.SizeV2), keyID)), i, x.places.changes(id)})
		}
	}
	if len(unknown) > few {
		return has, x.seekAll(ids, unknown, has)
	}
	for _, w := range unknown {
		e, err := x.read(ids[w.index])
		if err != nil {
			return nil, err
		}
		x.places.keep(ids[w.index], e, w.before)
		has[w.index] = e.held()
	}
	return has, x.health.err()
}

// wanted is an id whose place is not cached.
type wanted struct {
	key    []byte
	index  int    // in the ids asked for
	before uint64 // the result of places.changes, for places.keep
}

// seekAll looks up the wanted ids with one iterator.
func (x *Index) seekAll(ids []infohash.ID, unknown []wanted, has []store.Held) error {
	if err := x.health.err(); err != nil {
		return err
	}
	slices.SortFunc(unknown, func(a, b wanted) int { return bytes.Compare(a.key, b.key) })
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyID}, UpperBound: []byte{keyID + 1}})
	if err != nil {
		return x.health.readFailed(err)
	}
	for _, w := range unknown {
		// A key is its own prefix, so this consults the Bloom filters.
		if !it.SeekPrefixGE(w.key) {
			if it.Error() != nil {
				break
			}
			continue
		}
		e, err := parseEntry(it.Value())
		if err != nil {
			return errors.Join(x.health.condemn(err), it.Close())
		}
		x.places.keep(ids[w.index], e, w.before)
		has[w.index] = e.held()
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return x.health.readFailed(err)
	}
	return nil
}

// each calls visit for every key of the index that begins with the byte prefix, in ascending
// order, until visit returns an error. Key and value are valid until visit returns.
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

// Region is a part of the log: it reports whether it contains a place.
type Region func(at format.Place) bool

// PointingTo returns each entry whose bytes are in a part of the log, once. It reads the whole
// index.
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
