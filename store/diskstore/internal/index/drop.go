package index

import (
	"encoding/binary"

	"github.com/torrentcache/torrentcache/infohash"
)

// Drop describes a dropped torrent, under each of its ids. Its bytes stay until compaction
// reaches them.
type Drop struct {
	Sequence uint64   // of the drop; zero if there was none
	Time     int64    // of the drop, in seconds since 1970
	Segments []uint64 // segments that had bytes of it
}

func (d Drop) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(le.AppendUint64(nil, d.Sequence), uint64(d.Time))
	for _, segment := range d.Segments {
		b = le.AppendUint64(b, segment)
	}
	return b
}

func parseDrop(b []byte) (Drop, error) {
	if len(b) < 16 || len(b)%8 != 0 {
		return Drop{}, ErrBadEntry
	}
	le := binary.LittleEndian
	d := Drop{Sequence: le.Uint64(b), Time: int64(le.Uint64(b[8:]))}
	for b = b[16:]; len(b) > 0; b = b[8:] {
		d.Segments = append(d.Segments, le.Uint64(b))
	}
	return d, nil
}

// Dropped returns the last drop of the torrent with id.
func (x *Index) Dropped(id infohash.ID) (Drop, error) {
	if !x.hasDrops.Load() {
		return Drop{}, nil
	}
	value, err := x.lookUp(dropKey(id))
	if err != nil || value == nil {
		return Drop{}, err
	}
	d, err := parseDrop(value)
	if err != nil {
		err = x.health.condemn(err)
	}
	return d, err
}
