package index

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Get returns the entry of id, nil if there is none.
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

// Place returns where the record stands of the torrent that has id and is visible, if
// that is known without a look-up.
func (x *Index) Place(id infohash.ID) (format.Place, bool) {
	if x.health.err() != nil {
		return format.Place{}, false
	}
	at, known := x.places.find(id)
	return at, known
}

// read is get without what is known of places.
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
