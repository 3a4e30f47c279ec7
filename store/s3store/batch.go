package s3store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/store"
)

// An object below feed/ is a batch: a header, entries of entrySize bytes, and
// the CRC32C of all before. Numbers are big-endian.
//
//	0 magic "tcf2"   4 number of entries   8 id of the batch
//	24 torrents      32 ids removed        40 bytes of torrents
//
// The id is the same in each try to write the batch and in no other. The last three
// are what the store holds after this batch: each writer has read the batch before
// its own, so it knows what to add to. An entry has
//
//	0 kind  1 flags (1: has v1, 2: has v2)  2 write  18 time (Unix seconds)  26 v1  46 v2
//
// A kind that this program does not know is a newer one's, and passed on as it is.
const (
	batchMagic  = "tcf" // and then, as a digit, the format
	batchFormat = '2'
	batchHeader = 48
	entrySize   = 78
)

// maxBatch is the most entries of a batch: 80 KB.
const maxBatch = 1000

// entry is a change in the feed and the write that made it.
type entry struct {
	store.Change
	write writeID
}

// totals are what a store holds.
type totals struct{ torrents, removed, bytes int64 }

func (t *totals) add(d totals) {
	t.torrents += d.torrents
	t.removed += d.removed
	t.bytes += d.bytes
}

// batch is the content of one object of the feed.
type batch struct {
	id      [16]byte
	totals  totals // after it
	entries []entry
	damaged bool // it cannot be read: neither totals nor entries are known
}

func (b *batch) bytes() []byte {
	out := make([]byte, 0, batchHeader+len(b.entries)*entrySize+crc32.Size)
	out = append(append(out, batchMagic...), batchFormat)
	out = binary.BigEndian.AppendUint32(out, uint32(len(b.entries)))
	out = append(out, b.id[:]...)
	for _, n := range []int64{b.totals.torrents, b.totals.removed, b.totals.bytes} {
		out = binary.BigEndian.AppendUint64(out, uint64(n))
	}
	for _, e := range b.entries {
		out = e.append(out)
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

func (e *entry) append(b []byte) []byte {
	b = append(b, byte(e.Kind), idFlags(e.IDs))
	b = appendTime(e.write.append(b), e.Time)
	return appendIDs(b, e.IDs)
}

// parseBatch reads the object of a batch. The error is a *foreign, or says that it is
// damaged.
func parseBatch(b []byte) (*batch, error) {
	end := len(b) - crc32.Size
	if end < batchHeader || string(b[:3]) != batchMagic || crc32.Checksum(b[:end], castagnoli) != binary.BigEndian.Uint32(b[end:]) {
		return nil, fmt.Errorf("the batch of %d bytes is damaged", len(b))
	}
	if b[3] != batchFormat {
		return nil, otherFormat(b[3], batchFormat)
	}
	count := (end - batchHeader) / entrySize
	if (end-batchHeader)%entrySize != 0 || uint32(count) != binary.BigEndian.Uint32(b[4:]) {
		return nil, fmt.Errorf("the batch of %d bytes does not have the entries it says", len(b))
	}
	number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	out := &batch{totals: totals{torrents: number(24), removed: number(32), bytes: number(40)}, entries: make([]entry, count)}
	copy(out.id[:], b[8:])
	for i := range out.entries {
		out.entries[i] = parseEntry(b[batchHeader+i*entrySize:])
	}
	return out, nil
}

func parseEntry(b []byte) entry {
	e := entry{write: parseWriteID(b[2:])}
	e.Kind, e.Time, e.IDs = store.ChangeKind(b[0]), parseTime(b[18:]), parseIDs(b[1], b[26:])
	return e
}
