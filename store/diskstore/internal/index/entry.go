package index

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Entry is the index's knowledge of one record, under each of its ids. An entry that came from
// the index, or was given to it, is never modified; a changed copy replaces it.
type Entry struct {
	Sequence uint64       // of the latest record about the ids
	Put      uint64       // of the record at the place At
	At       format.Place // zero if there are no bytes: removed in advance, or erased
	Names    format.Names
	IDs      infohash.Set
	Rank     store.Rank
	Version  store.Version
	Damaged  bool
	Removed  bool
	Removal  store.Removal // valid if Removed
	Until    int64         // if Removed, the Unix time at which the bytes must leave the disk
	// Former are segments, in no order, that may still hold replaced bytes of the ids. A removal
	// erases those, too.
	Former []uint64
}

// Visible reports whether Get would find bytes. A nil entry is an unknown id.
func (e *Entry) Visible() bool {
	return e != nil && !e.At.IsZero() && !e.Removed && !e.Damaged
}

// held returns the result of Has for the entry.
func (e *Entry) held() store.Held {
	if !e.Visible() {
		return store.Held{}
	}
	return store.Held{IDs: e.IDs, Rank: e.Rank}
}

// All returns the ids that the index has the entry under.
func (e *Entry) All() []infohash.ID { return e.Names.IDs(e.IDs) }

// entryFixed is the size in bytes of an encoded entry without ids and removal.
const entryFixed = 8 + 8 + 8 + 8 + 4 + 4 + 16 + 2

// ErrBadEntry says that the index holds bytes that this program did not write.
var ErrBadEntry = errors.New("index entry malformed")

const (
	flagDamaged = 1 << iota
	flagRemoved
)

// encode returns the value that the index stores for e.
func (e *Entry) encode() []byte {
	var flags byte
	if e.Damaged {
		flags |= flagDamaged
	}
	if e.Removed {
		flags |= flagRemoved
	}
	le := binary.LittleEndian
	b := make([]byte, 0, entryFixed+infohash.SizeV1+infohash.SizeV2)
	b = le.AppendUint64(b, e.Sequence)
	b = le.AppendUint64(b, e.Put)
	b = le.AppendUint64(b, e.At.Segment)
	b = le.AppendUint64(b, uint64(e.At.Offset))
	b = le.AppendUint32(b, e.At.Length)
	b = append(b, flags, byte(e.Names), byte(e.Rank), 0)
	b = append(b, e.Version[:]...)
	b = le.AppendUint16(b, uint16(len(e.Former)))
	b = appendSet(b, e.IDs)
	for _, segment := range e.Former {
		b = le.AppendUint64(b, segment)
	}
	if e.Removed {
		b = le.AppendUint64(b, uint64(e.Until))
		b = format.AppendRemoval(b, e.Removal)
	}
	return b
}

// parseEntry decodes the result of encode, which must be all of b. It keeps no reference to b.
func parseEntry(b []byte) (*Entry, error) {
	if len(b) < entryFixed {
		return nil, ErrBadEntry
	}
	le := binary.LittleEndian
	e := &Entry{
		Sequence: le.Uint64(b),
		Put:      le.Uint64(b[8:]),
		At:       format.Place{Segment: le.Uint64(b[16:]), Offset: int64(le.Uint64(b[24:])), Length: le.Uint32(b[32:])},
		Names:    format.Names(b[37]),
		Rank:     store.Rank(b[38]),
		Version:  store.Version(b[40:56]),
		Damaged:  b[36]&flagDamaged != 0,
		Removed:  b[36]&flagRemoved != 0,
	}
	ids, rest, err := parseSet(b[entryFixed:], e.Names)
	if err != nil {
		return nil, err
	}
	e.IDs = ids
	return e, e.parseRest(rest, int(le.Uint16(b[56:])))
}

// parseRest decodes the bytes after the ids: the former segments, and the removal.
func (e *Entry) parseRest(b []byte, former int) error {
	le := binary.LittleEndian
	if len(b) < 8*former {
		return ErrBadEntry
	}
	for ; former > 0; former-- {
		e.Former = append(e.Former, le.Uint64(b))
		b = b[8:]
	}
	if !e.Removed {
		if len(b) != 0 {
			return ErrBadEntry
		}
		return nil
	}
	if len(b) < 8 {
		return ErrBadEntry
	}
	e.Until = int64(le.Uint64(b))
	var err error
	e.Removal, err = format.ParseRemoval(b[8:])
	return err
}

// Leaves records that bytes of e's ids stay behind in a segment. Beyond maxFormer segments it
// forgets the oldest; its bytes then leave with the rest of their segment.
func (e *Entry) Leaves(segment uint64) {
	if segment == 0 || slices.Contains(e.Former, segment) {
		return
	}
	kept := e.Former
	if len(kept) >= maxFormer {
		kept = kept[1:]
	}
	e.Former = append(slices.Clip(kept), segment)
}

// maxFormer is the maximum number of former segments of an entry.
const maxFormer = 1000

// appendSet appends the bytes of the ids in set.
func appendSet(b []byte, set infohash.Set) []byte {
	return set.V2.AppendTo(set.V1.AppendTo(b))
}

// parseSet decodes the ids that n names, and returns the bytes after them.
func parseSet(b []byte, n format.Names) (infohash.Set, []byte, error) {
	var set infohash.Set
	if n&format.NameV1 != 0 {
		if len(b) < infohash.SizeV1 {
			return set, nil, ErrBadEntry
		}
		set.V1 = infohash.V1([infohash.SizeV1]byte(b[:infohash.SizeV1]))
		b = b[infohash.SizeV1:]
	}
	if n&format.NameV2 != 0 {
		if len(b) < infohash.SizeV2 {
			return set, nil, ErrBadEntry
		}
		set.V2 = infohash.V2([infohash.SizeV2]byte(b[:infohash.SizeV2]))
		b = b[infohash.SizeV2:]
	}
	return set, b, nil
}
