package diskstore

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
)

// few is how many ids are looked up one by one: an iterator costs as much.
const few = 4

// getAll returns the entry of each id, nil where there is none. Many ids are
// looked up in their order in the index, which finds the next one near the last:
// FindMissingTorrents asks for thousands.
func (x *index) getAll(ids []infohash.ID) ([]*entry, error) {
	entries := make([]*entry, len(ids))
	var unknown []wanted
	for i, id := range ids {
		e, held := x.cache.get(id)
		if entries[i] = e; e == nil {
			unknown = append(unknown, wanted{id.AppendTo(append(make([]byte, 0, 1+infohash.SizeV2), keyID)), i, held})
		}
	}
	if len(unknown) > few {
		return entries, x.seekAll(ids, unknown, entries)
	}
	for _, w := range unknown {
		e, err := x.read(ids[w.index])
		if err != nil {
			return nil, err
		}
		x.cache.put(ids[w.index], e, w.held)
		entries[w.index] = e
	}
	return entries, x.health.err()
}

// wanted is an id that the cache does not have.
type wanted struct {
	key   []byte
	index int     // in the ids asked for
	held  *cached // what the cache needs to keep the entry
}

// seekAll looks up those that are wanted with one iterator.
func (x *index) seekAll(ids []infohash.ID, unknown []wanted, entries []*entry) error {
	if err := x.health.err(); err != nil {
		return err
	}
	slices.SortFunc(unknown, func(a, b wanted) int { return bytes.Compare(a.key, b.key) })
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{keyID}, UpperBound: []byte{keyID + 1}})
	if err != nil {
		return x.health.readFailed(err)
	}
	for _, w := range unknown {
		// A key is its own prefix, so that the Bloom filters are asked.
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
		x.cache.put(ids[w.index], e, w.held)
		entries[w.index] = e
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return x.health.readFailed(err)
	}
	return nil
}
