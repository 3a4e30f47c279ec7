package index

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// few is how many ids are looked up one by one: an iterator costs as much.
const few = 4

// HasAll returns what Has says of each id. Many ids are looked up in their order in the
// index, which finds the next one near the last: FindMissingTorrents asks for thousands.
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

// wanted is an id whose place is not known.
type wanted struct {
	key    []byte
	index  int    // in the ids asked for
	before uint64 // what places needs to keep the place
}

// seekAll looks up those that are wanted with one iterator.
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
		x.places.keep(ids[w.index], e, w.before)
		has[w.index] = e.held()
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return x.health.readFailed(err)
	}
	return nil
}
