package diskstore

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// location is where a put's record stands. The zero value is nowhere.
type location struct {
	segment uint64
	offset  int64
	length  uint32 // of the body, in bytes
}

func (l location) isZero() bool { return l.segment == 0 }

// entry is what the index knows about one record, under each of its ids. An
// entry is never changed once it is in a changeSet; a changed copy takes its place.
type entry struct {
	sequence uint64   // of the latest record about the ids
	put      uint64   // of the record at the place at
	at       location // zero if there are no bytes: removed in advance, or gone
	names    format.Names
	ids      infohash.Set
	rank     store.Rank
	version  store.Version
	damaged  bool
	removed  bool
	removal  store.Removal // meaningful if removed
	until    int64         // if removed, when the bytes are due to leave the disk, in seconds since 1970
	// former are segments, in no order, that may still hold bytes of the ids which
	// others took the place of. A removal takes those away too.
	former []uint64
}

// visible reports whether Get would find bytes. A nil entry is an unknown id.
func (e *entry) visible() bool {
	return e != nil && !e.at.isZero() && !e.removed && !e.damaged
}

// held is what Has says of the entry.
func (e *entry) held() store.Held {
	if !e.visible() {
		return store.Held{}
	}
	return store.Held{IDs: e.ids, Rank: e.rank}
}

// all returns the ids that the entry stands under.
func (e *entry) all() []infohash.ID { return e.names.IDs(e.ids) }

// entryFixed is the size in bytes of an encoded entry without ids and removal.
const entryFixed = 8 + 8 + 8 + 8 + 4 + 4 + 16 + 2

// errBadEntry says that the index holds what this program did not write.
var errBadEntry = errors.New("index entry malformed")

const (
	flagDamaged = 1 << iota
	flagRemoved
)

// encode returns the value that the index keeps for e.
func (e *entry) encode() []byte {
	var flags byte
	if e.damaged {
		flags |= flagDamaged
	}
	if e.removed {
		flags |= flagRemoved
	}
	le := binary.LittleEndian
	b := make([]byte, 0, entryFixed+infohash.SizeV1+infohash.SizeV2)
	b = le.AppendUint64(b, e.sequence)
	b = le.AppendUint64(b, e.put)
	b = le.AppendUint64(b, e.at.segment)
	b = le.AppendUint64(b, uint64(e.at.offset))
	b = le.AppendUint32(b, e.at.length)
	b = append(b, flags, byte(e.names), byte(e.rank), 0)
	b = append(b, e.version[:]...)
	b = le.AppendUint16(b, uint16(len(e.former)))
	b = appendSet(b, e.ids)
	for _, segment := range e.former {
		b = le.AppendUint64(b, segment)
	}
	if e.removed {
		b = le.AppendUint64(b, uint64(e.until))
		b = format.AppendRemoval(b, e.removal)
	}
	return b
}

// parseEntry reads what encode wrote, which is all of b. It keeps no reference to b.
func parseEntry(b []byte) (*entry, error) {
	if len(b) < entryFixed {
		return nil, errBadEntry
	}
	le := binary.LittleEndian
	e := &entry{
		sequence: le.Uint64(b),
		put:      le.Uint64(b[8:]),
		at:       location{segment: le.Uint64(b[16:]), offset: int64(le.Uint64(b[24:])), length: le.Uint32(b[32:])},
		names:    format.Names(b[37]),
		rank:     store.Rank(b[38]),
		version:  store.Version(b[40:56]),
		damaged:  b[36]&flagDamaged != 0,
		removed:  b[36]&flagRemoved != 0,
	}
	ids, rest, err := parseSet(b[entryFixed:], e.names)
	if err != nil {
		return nil, err
	}
	e.ids = ids
	return e, e.parseRest(rest, int(le.Uint16(b[56:])))
}

// parseRest reads what follows the ids: the former segments, and the removal.
func (e *entry) parseRest(b []byte, former int) error {
	le := binary.LittleEndian
	if len(b) < 8*former {
		return errBadEntry
	}
	for ; former > 0; former-- {
		e.former = append(e.former, le.Uint64(b))
		b = b[8:]
	}
	if !e.removed {
		if len(b) != 0 {
			return errBadEntry
		}
		return nil
	}
	if len(b) < 8 {
		return errBadEntry
	}
	e.until = int64(le.Uint64(b))
	var err error
	e.removal, err = format.ParseRemoval(b[8:])
	return err
}

// leaves notes that bytes of e's ids stay behind in a segment. Beyond maxFormer the
// first of them is forgotten: its bytes then leave with the rest of their segment.
func (e *entry) leaves(segment uint64) {
	if segment == 0 || slices.Contains(e.former, segment) {
		return
	}
	kept := e.former
	if len(kept) >= maxFormer {
		kept = kept[1:]
	}
	e.former = append(slices.Clip(kept), segment)
}

// maxFormer bounds, in segments, what an entry can grow by.
const maxFormer = 1000

// appendSet appends the bytes of the ids that set has.
func appendSet(b []byte, set infohash.Set) []byte {
	return set.V2.AppendTo(set.V1.AppendTo(b))
}

// parseSet reads the ids that n says are there, and returns what follows them.
func parseSet(b []byte, n format.Names) (infohash.Set, []byte, error) {
	var set infohash.Set
	if n&format.NameV1 != 0 {
		if len(b) < infohash.SizeV1 {
			return set, nil, errBadEntry
		}
		set.V1 = infohash.V1([infohash.SizeV1]byte(b[:infohash.SizeV1]))
		b = b[infohash.SizeV1:]
	}
	if n&format.NameV2 != 0 {
		if len(b) < infohash.SizeV2 {
			return set, nil, errBadEntry
		}
		set.V2 = infohash.V2([infohash.SizeV2]byte(b[:infohash.SizeV2]))
		b = b[infohash.SizeV2:]
	}
	return set, b, nil
}
