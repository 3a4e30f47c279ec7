package diskstore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// three is a store with three torrents; tests damage the one in the middle.
func three(t *testing.T) (Options, []store.Item) {
	t.Helper()
	o := onDisk(vfs.NewMem(), "/store")
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var items []store.Item
	for seed := range uint64(3) {
		items = append(items, storetest.Torrent(storetest.Hybrid, seed, 300, 0))
		mustPut(t, s, items[seed], store.Created)
	}
	mustClose(t, s)
	return o, items
}

// serves fails unless s gives item back.
func serves(t *testing.T, s *Store, item store.Item) {
	t.Helper()
	got, err := s.Get(t.Context(), item.IDs.Primary(), nil)
	if err != nil || !bytes.Equal(got.Bytes, item.Torrent) {
		t.Errorf("Get(%v) = %d bytes, %v", item.IDs.Primary(), len(got.Bytes), err)
	}
}

// TestFlippedBit changes one byte after the other of a record and its segment's
// header: that torrent alone is damaged, or its bytes are right.
func TestFlippedBit(t *testing.T) {
	o, items := three(t)
	s := mustOpen(t, o)
	at := s.where(t, items[1].IDs.V1)
	name := fileOf(o, at.Segment)
	end := at.Offset + format.RecordSize(int(at.Length))
	unread := at.Offset + format.HeaderSize + int64(at.Length)
	for offset := at.Offset; offset < end; offset++ {
		flip(t, o.FS, name, offset)
		e, err := s.index.Get(items[1].IDs.V1)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := s.readAt(e.At, items[1].IDs.V1, nil)
		right := err == nil && bytes.Equal(got, items[1].Torrent)
		if offset < unread && !errors.Is(err, format.ErrBadRecord) || offset >= unread && !right {
			t.Errorf("byte %d of the record: %d bytes, %v", offset-at.Offset, len(got), err)
		}
		flip(t, o.FS, name, offset)
	}
	serves(t, s, items[1])
}

// TestFlippedBitReindexed does the same to a store that then has to build its
// index from the segments: one bit of a header does not hide whose it is.
func TestFlippedBitReindexed(t *testing.T) {
	if raced {
		return // see raced
	}
	o, items := three(t)
	s := mustOpen(t, o)
	at := s.where(t, items[1].IDs.V1)
	mustClose(t, s)
	name := fileOf(o, at.Segment)
	end := at.Offset + format.RecordSize(int(at.Length))
	unread := at.Offset + format.HeaderSize + int64(at.Length)
	offsets := []int64{0, 9, 20, 40, 79, format.SegmentCopy, format.SegmentCopy + 76}
	for offset := at.Offset; offset < end; offset += 1 + int64(rand.Uint64N(5)) {
		offsets = append(offsets, offset)
	}
	for _, offset := range offsets {
		t.Run(fmt.Sprint(offset-at.Offset), func(t *testing.T) {
			flip(t, o.FS, name, offset)
			defer flip(t, o.FS, name, offset)
			if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
				t.Fatal(err)
			}
			s := mustOpen(t, o)
			serves(t, s, items[0])
			serves(t, s, items[2])
			got, err := s.Get(t.Context(), items[1].IDs.V1, nil)
			inRecord := offset >= at.Offset && offset < unread
			if inRecord != errors.Is(err, store.ErrDamaged) || !inRecord && !bytes.Equal(got.Bytes, items[1].Torrent) {
				t.Errorf("Get = %d bytes, %v", len(got.Bytes), err)
			}
		})
	}
}

// TestFlippedBitInRemoval flips bits of the record of a removal and loses the index:
// the torrent stays removed.
func TestFlippedBitInRemoval(t *testing.T) {
	if raced {
		return // see raced
	}
	o, items := three(t)
	s := mustOpen(t, o)
	begin := s.committer.Stats().Offset
	if err := storetest.Remove(t.Context(), s, items[1].IDs.V1, store.Removal{Reason: "flipped"}); err != nil {
		t.Fatal(err)
	}
	end := s.committer.Stats().Offset
	mustPut(t, s, faultTorrent(8), store.Created)
	mustClose(t, s)
	whole := snapshot(t, o.FS)
	for offset := begin; offset < end; offset++ {
		o.FS = whole.mount(t)
		flip(t, o.FS, fileOf(o, 1), offset)
		if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, o)
		serves(t, s, items[0])
		serves(t, s, faultTorrent(8))
		for _, id := range items[1].IDs.All() {
			if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrRemoved) {
				t.Errorf("byte %d: Get = %v", offset-begin, err)
			}
		}
		mustClose(t, s)
	}
}

// TestDamageHeals follows damage from the first read to the upload that heals
// it, which survives a rebuild of the index.
func TestDamageHeals(t *testing.T) {
	o, items := three(t)
	s := mustOpen(t, o)
	at := s.where(t, items[1].IDs.V1)
	flip(t, o.FS, fileOf(o, at.Segment), at.Offset+format.HeaderSize+7)
	if has, err := s.Has(t.Context(), items[1].IDs.All()); err != nil || !has[0].Found() {
		t.Fatalf("Has = %v, %v before anybody read it", has, err)
	}
	for _, id := range items[1].IDs.All() {
		if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("Get(%v) = %v", id, err)
		}
	}
	if has, err := s.Has(t.Context(), items[1].IDs.All()); err != nil || has[0].Found() || has[1].Found() || has[2].Found() {
		t.Fatalf("Has = %v, %v after the read", has, err)
	}
	mustPut(t, s, items[1], store.Healed)
	mustClose(t, s)
	if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	for _, item := range items {
		serves(t, s, item)
	}
}

// TestTruncatedSegment cuts the file of a sealed segment short.
func TestTruncatedSegment(t *testing.T) {
	o, items := three(t)
	s := mustOpen(t, o)
	at := s.where(t, items[2].IDs.V1)
	mustClose(t, s)
	whole := readFile(t, o.FS, fileOf(o, at.Segment))
	writeFile(t, o.FS, fileOf(o, at.Segment), whole[:at.Offset+10])
	s = mustOpen(t, o) // the index is ahead of the segments
	serves(t, s, items[0])
	serves(t, s, items[1])
	if _, err := s.Get(t.Context(), items[2].IDs.V1, nil); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Get = %v", err)
	}
	mustPut(t, s, items[2], store.Healed)
}

// TestForgedRecord stores a torrent that contains a whole record of another one, and
// damages the bytes before it: the forgery is never taken for real.
func TestForgedRecord(t *testing.T) {
	o, items := three(t)
	s := mustOpen(t, o)
	victim := storetest.Torrent(storetest.V1, 99, 300, 0)
	h := &format.Header{
		Kind: store.ChangeAdded, Names: format.NameV1, Rank: store.RankAnonymous, IDs: victim.IDs, Segment: 1, Sequence: 1000,
		InfoLength: 1, Store: format.StoreID{1, 2, 3}, // the forger does not know the store's id
		BodySum: format.Checksum(victim.Torrent),
	}
	carrier := store.Item{Rank: store.RankAnonymous, IDs: infohash.Set{V1: storetest.Torrent(storetest.V1, 98, 1, 0).IDs.V1}, InfoLength: 8}
	carrier.Torrent = format.AppendRecord(make([]byte, 8, 1024), h, victim.Torrent)
	mustPut(t, s, carrier, store.Created)
	mustPut(t, s, storetest.Torrent(storetest.V1, 97, 300, 0), store.Created)
	at := s.where(t, carrier.IDs.V1)
	mustClose(t, s)
	flip(t, o.FS, fileOf(o, at.Segment), at.Offset+50)
	if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	if _, err := s.Get(t.Context(), victim.IDs.V1, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of the forged torrent = %v", err)
	}
	serves(t, s, items[0])
	serves(t, s, storetest.Torrent(storetest.V1, 97, 300, 0))
}

// TestStaleRecord leaves records of the same store, but of a segment that is
// gone, behind the end of the log, as a file system may that reuses blocks.
func TestStaleRecord(t *testing.T) {
	o, items := three(t)
	stale := readFile(t, o.FS, fileOf(o, 1))
	removeAll := func(name string) {
		t.Helper()
		if err := o.FS.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
	removeAll("/store/" + files.IndexDir)
	s := mustOpen(t, o) // begins segment 2
	mustPut(t, s, faultTorrent(9), store.Created)
	mustClose(t, s)
	active := readFile(t, o.FS, fileOf(o, 2))
	writeFile(t, o.FS, fileOf(o, 2), append(active, stale[format.SegmentStart:]...))
	removeAll(fileOf(o, 1))
	removeAll("/store/" + files.IndexDir)
	s = mustOpen(t, o)
	serves(t, s, faultTorrent(9))
	for _, item := range items {
		if _, err := s.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of a stale record = %v", err)
		}
	}
}
