package diskstore

import (
	"encoding/binary"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// state is the index's account of the log. It changes in the same batch as the
// entries, so that both always speak of the same moment.
type state struct {
	store    format.StoreID
	epoch    uint64
	segment  uint64 // the index knows the log up to offset in this segment,
	offset   int64  // all of which was synced before
	sequence uint64 // the highest given out
	torrents int64  // as in store.Stats
	removed  int64
	bytes    int64
	rebuilt  uint64 // of the segments up to this one the index knows only what it read in them
}

const (
	stateVersion = 6
	stateSize    = 1 + 16 + 8*8
)

func (s state) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, stateSize)
	b = append(b, stateVersion)
	b = append(b, s.store[:]...)
	for _, v := range []uint64{
		s.epoch, s.segment, uint64(s.offset), s.sequence,
		uint64(s.torrents), uint64(s.removed), uint64(s.bytes), s.rebuilt,
	} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// parseState reads what encode wrote. It fails for another version of the
// index too, which is then built anew.
func parseState(b []byte) (state, error) {
	if len(b) != stateSize || b[0] != stateVersion {
		return state{}, errBadEntry
	}
	field := func(i int) uint64 { return binary.LittleEndian.Uint64(b[17+8*i:]) }
	return state{
		store:    format.StoreID(b[1:17]),
		epoch:    field(0),
		segment:  field(1),
		offset:   int64(field(2)),
		sequence: field(3),
		torrents: int64(field(4)),
		removed:  int64(field(5)),
		bytes:    int64(field(6)),
		rebuilt:  field(7),
	}, nil
}

// feedEntry is one change of the feed, with the sequence it stands under.
type feedEntry struct {
	sequence uint64
	names    format.Names
	at       location // of a word; else zero
	change   store.Change
}

// feedFixed is the size in bytes of an encoded feedEntry without the ids.
const feedFixed = 2 + 8 + 8 + 8 + 4

// encode returns the value that the index keeps for f: kind, names, the time in
// seconds since 1970, the place of a word, the ids.
func (f feedEntry) encode() []byte {
	le := binary.LittleEndian
	b := []byte{byte(f.change.Kind), byte(f.names)}
	b = le.AppendUint64(b, uint64(f.change.Time.Unix()))
	b = le.AppendUint64(b, f.at.segment)
	b = le.AppendUint64(b, uint64(f.at.offset))
	b = le.AppendUint32(b, f.at.length)
	return appendSet(b, f.change.IDs)
}

// parseFeedEntry reads what encode wrote, and a key of the feed.
func parseFeedEntry(key, b []byte) (feedEntry, error) {
	if len(key) != 9 || len(b) < feedFixed {
		return feedEntry{}, errBadEntry
	}
	le := binary.LittleEndian
	f := feedEntry{sequence: binary.BigEndian.Uint64(key[1:]), names: format.Names(b[1])}
	ids, rest, err := parseSet(b[feedFixed:], f.names)
	if err != nil || len(rest) != 0 {
		return feedEntry{}, errBadEntry
	}
	f.change = store.Change{Kind: store.ChangeKind(b[0]), IDs: ids, Time: time.Unix(int64(le.Uint64(b[2:])), 0).UTC()}
	f.at = location{segment: le.Uint64(b[10:]), offset: int64(le.Uint64(b[18:])), length: le.Uint32(b[26:])}
	return f, nil
}
