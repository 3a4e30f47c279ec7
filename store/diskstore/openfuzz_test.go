package diskstore

import (
	"bytes"
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// FuzzOpen changes the bytes of a segment and those behind its end, and builds the
// index from that: the store opens, every torrent of which no byte was changed is
// served, and the others give their bytes or an error.
func FuzzOpen(f *testing.F) {
	magic := format.AppendHeader(nil, &format.Header{})[:8]
	f.Add(uint16(0), []byte{1}, []byte{})
	f.Add(uint16(40), []byte{3}, magic)
	f.Add(uint16(format.HeaderSize), []byte{0, 0, 8}, bytes.Repeat([]byte{0}, 5000))
	f.Add(uint16(450), bytes.Repeat([]byte{0x55}, 600), append(make([]byte, 8), magic...))
	f.Add(uint16(8), []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, []byte("F7"))
	for _, kind := range []store.ChangeKind{store.ChangeRestored, store.ChangeDropped, format.KindVoid} {
		f.Add(uint16(500), []byte{0xFF}, format.AppendRecord(nil, &format.Header{Kind: kind, Segment: 1, Sequence: 2}, nil))
	}
	f.Fuzz(func(t *testing.T, at uint16, mask, tail []byte) {
		o, items := three(t)
		s := mustOpen(t, o)
		places := make([]format.Place, len(items))
		for i, item := range items {
			places[i] = s.where(t, item.IDs.V1)
		}
		mustClose(t, s)
		b := readFile(t, o.FS, fileOf(o, 1))
		from := format.SegmentStart + int64(at)%(int64(len(b))-format.SegmentStart)
		changed := map[int64]bool{}
		for i := range min(int64(len(mask)), int64(len(b))-from) {
			b[from+i] ^= mask[i]
			changed[from+i] = mask[i] != 0
		}
		writeFile(t, o.FS, fileOf(o, 1), append(b, tail...))
		if err := o.FS.RemoveAll("/store/" + files.IndexDir); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, o)
		for i, item := range items {
			whole := true
			for offset := places[i].Offset; offset < places[i].Offset+format.HeaderSize+int64(places[i].Length); offset++ {
				whole = whole && !changed[offset]
			}
			got, err := s.Get(t.Context(), item.IDs.V1, nil)
			switch {
			case whole && err != nil:
				t.Errorf("torrent %d, which nobody changed: %v", i, err)
			case err == nil && !bytes.Equal(got.Bytes, item.Torrent):
				t.Errorf("torrent %d: %d other bytes", i, len(got.Bytes))
			case err != nil && !errors.Is(err, store.ErrDamaged) && !errors.Is(err, store.ErrNotFound):
				t.Errorf("torrent %d: %v", i, err)
			}
		}
	})
}
