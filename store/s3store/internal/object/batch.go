package object

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/store"
)

// An object below feed/ is a batch: a header, entries of entrySize bytes, and the CRC32C of all
// bytes before it. Numbers are big-endian.
//
//	0 magic "tcf2"   4 number of entries   8 id of the batch
//	24 torrents      32 ids removed        40 bytes of torrents
//
// The id is the same in each try to write the batch and in no other batch. The last three fields
// are the totals of the store after this batch. Each writer has read the previous batch, so it
// knows the totals to add to. An entry has
//
//	0 kind  1 flags (1: has v1, 2: has v2)  2 write  18 time (Unix seconds)  26 v1  46 v2
//
// A kind that this program does not know comes from a newer one, and is passed on as it is.
const (
	batchMagic  = "tcf" // and then, as a digit, the format
	batchFormat = '2'

	// BatchHeader is the size in bytes of the header before the entries.
	BatchHeader = 48
	entrySize   = 78
)

// MaxBatch is the maximum number of entries in a batch: 80 KB.
const MaxBatch = 1000

// Entry is a change in the feed and the write that made it.
type Entry struct {
	store.Change
	Write WriteID
}

// Totals are the counts of the content of a store.
type Totals struct{ Torrents, Removed, Bytes int64 }

// Add adds d, which may be negative.
func (t *Totals) Add(d Totals) {
	t.Torrents += d.Torrents
	t.Removed += d.Removed
	t.Bytes += d.Bytes
}

// Batch is the content of one object of the feed.
type Batch struct {
	ID      [16]byte // the same in each try to write the batch
	Totals  Totals   // of the store after the batch
	Entries []Entry
	Damaged bool // the batch cannot be read: ID, Totals and Entries are unknown
}

// Bytes returns the object of the batch.
func (b *Batch) Bytes() []byte {
	out := make([]byte, 0, BatchHeader+len(b.Entries)*entrySize+crc32.Size)
	out = append(append(out, batchMagic...), batchFormat)
	out = binary.BigEndian.AppendUint32(out, uint32(len(b.Entries)))
	out = append(out, b.ID[:]...)
	for _, n := range []int64{b.Totals.Torrents, b.Totals.Removed, b.Totals.Bytes} {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	for _, e := range b.Entries {
		out = e.append(out)
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

func (e *Entry) append(b []byte) []byte {
	b = append(b, byte(e.Kind), idFlags(e.IDs))
	b = appendTime(e.Write.Append(b), e.Time)
	return appendIDs(b, e.IDs)
}

// ParseBatch reads the object of a batch. The error is a *Foreign, or says that the batch is
// damaged.
func ParseBatch(b []byte) (*Batch, error) {
	end := len(b) - crc32.Size
	if end < BatchHeader || string(b[:3]) != batchMagic || crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return nil, fmt.Errorf("the batch of %d bytes is damaged", len(b))
	}
	if b[3] != batchFormat {
		return nil, otherFormat(b[3], batchFormat)
	}
	count := (end - BatchHeader) / entrySize
	if (end-BatchHeader)%entrySize != 0 || uint32(count) != binary.BigEndian.Uint32(b[4:]) {
		return nil, fmt.Errorf("the batch of %d bytes does not have the number of entries in its header", len(b))
	}
	number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	out := &Batch{Totals: Totals{Torrents: number(24), Removed: number(32), Bytes: number(40)}, Entries: make([]Entry, count)}
	copy(out.ID[:], b[8:])
	for i := range out.Entries {
		out.Entries[i] = parseEntry(b[BatchHeader+i*entrySize:])
	}
	return out, nil
}

func parseEntry(b []byte) Entry {
	e := Entry{Write: ParseWriteID(b[2:])}
	e.Kind, e.Time, e.IDs = store.ChangeKind(b[0]), parseTime(b[18:]), parseIDs(b[1], b[26:])
	return e
}
