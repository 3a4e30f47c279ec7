package index

import (
	"encoding/binary"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// State is the index's state of the log. It changes in the same batch as the entries, so that
// both always agree.
type State struct {
	Store    format.StoreID
	Epoch    uint64
	Segment  uint64 // the index knows the log up to Offset in this segment
	Offset   int64  // that part was synced first
	Sequence uint64 // the highest sequence given out
	Torrents int64  // as in store.Stats
	Removed  int64
	Bytes    int64
	Rebuilt  uint64 // segments up to this one are known only from reading them
}

const (
	stateVersion = 6
	stateSize    = 1 + 16 + 8*8
)

func (s State) encode() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, stateSize)
	b = append(b, stateVersion)
	b = append(b, s.Store[:]...)
	for _, v := range []uint64{
		s.Epoch, s.Segment, uint64(s.Offset), s.Sequence,
		uint64(s.Torrents), uint64(s.Removed), uint64(s.Bytes), s.Rebuilt,
	} {
		b = le.AppendUint64(b, v)
	}
	return b
}

// parseState decodes the result of encode. It fails for another version of the index, too, which
// is then rebuilt.
func parseState(b []byte) (State, error) {
	if len(b) != stateSize || b[0] != stateVersion {
		return State{}, ErrBadEntry
	}
	field := func(i int) uint64 { return binary.LittleEndian.Uint64(b[17+8*i:]) }
	return State{
		Store:    format.StoreID(b[1:17]),
		Epoch:    field(0),
		Segment:  field(1),
		Offset:   int64(field(2)),
		Sequence: field(3),
		Torrents: int64(field(4)),
		Removed:  int64(field(5)),
		Bytes:    int64(field(6)),
		Rebuilt:  field(7),
	}, nil
}

// Mark returns the mark of s, which must be durable.
func (s State) Mark() format.Mark {
	return format.Mark{Store: s.Store, Segment: s.Segment, Offset: s.Offset}
}

// State returns the state of the log, and whether there is one.
func (x *Index) State() (State, bool, error) {
	value, err := x.lookUp([]byte{keyState})
	if err != nil || value == nil {
		return State{}, false, err
	}
	s, err := parseState(value)
	return s, err == nil, err
}
