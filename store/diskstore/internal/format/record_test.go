package format

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// sampleHeaders returns a header of every kind, with its body.
func sampleHeaders() map[string]struct {
	h    Header
	body []byte
} {
	item := storetest.Torrent(storetest.Hybrid, 1, 100, 0)
	put := Header{
		Kind: store.ChangeAdded, Names: NamesOf(item.IDs), Rank: store.RankKeyed, Store: StoreID{1, 2, 3},
		Segment: 4, Sequence: 5, Synced: 6, Time: 7, IDs: item.IDs,
		InfoOffset: uint32(item.InfoOffset), InfoLength: uint32(item.InfoLength),
		Version: store.VersionOf(item.Torrent),
	}
	removal := AppendRemoval(nil, store.Removal{Reason: "r", Reference: "ref", Time: time.Unix(9, 0)})
	return map[string]struct {
		h    Header
		body []byte
	}{
		"put":      {put, item.Torrent},
		"removal":  {Header{Kind: store.ChangeRemoved, Names: NameV1, IDs: infohash.Set{V1: item.IDs.V1}, Segment: 1, Sequence: 2}, removal},
		"lost":     {Header{Kind: store.ChangeAdded, Names: NameV1, IDs: infohash.Set{V1: item.IDs.V1}, Segment: 1, Sequence: 2, Lost: true}, nil},
		"restored": {Header{Kind: store.ChangeRestored, Names: NameV2, IDs: infohash.Set{V2: item.IDs.V2}, Segment: 1, Sequence: 2}, nil},
		"void":     {Header{Kind: store.ChangeRestored, Names: NameV1, IDs: infohash.Set{V1: item.IDs.V1}, Segment: 1, Sequence: 2, Void: true}, nil},
		"dropped":  {Header{Kind: store.ChangeDropped, Names: NameV1, IDs: infohash.Set{V1: item.IDs.V1}, Segment: 1, Sequence: 2}, nil},
		"torn":     {Header{Kind: KindVoid, Segment: 1, Sequence: 2, Synced: 1}, make([]byte, 100)},
		"value":    {Header{Kind: KindValue, Segment: 1, Sequence: 2, Time: 3}, AppendValue(nil, "a.b-c", []byte("value"))},
	}
}

func TestRecord(t *testing.T) {
	for name, sample := range sampleHeaders() {
		t.Run(name, func(t *testing.T) {
			b := AppendRecord(nil, &sample.h, sample.body)
			if int64(len(b)) != sample.h.Size() || len(b)%Align != 0 {
				t.Errorf("%d bytes, size says %d", len(b), sample.h.Size())
			}
			got, err := ParseHeader(b)
			if err != nil || got != sample.h {
				t.Errorf("ParseHeader = %+v, %v; want %+v", got, err, sample.h)
			}
			for i := range HeaderSize {
				b[i] ^= 0x10
				if _, err := ParseHeader(b); err == nil {
					t.Errorf("byte %d changed: no error", i)
				}
				b[i] ^= 0x10
			}
			if _, err := ParseHeader(b[:HeaderSize-1]); err == nil {
				t.Error("cut short: no error")
			}
		})
	}
}

func TestRemovalText(t *testing.T) {
	longest := strings.Repeat("x", store.MaxRemovalText)
	want := store.Removal{Reason: longest, Reference: longest, Time: time.Unix(1_700_000_000, 0).UTC()}
	if got, err := ParseRemoval(AppendRemoval(nil, want)); err != nil || got != want {
		t.Errorf("ParseRemoval = %+v, %v", got, err)
	}
}

func TestSegmentHeader(t *testing.T) {
	want := SegmentHeader{Store: StoreID{9}, Segment: 3, Epoch: 4, Previous: 2, PreviousEnd: 12345, Created: 6}
	area := want.Encode()
	if got, err := ParseSegmentHeader(area[SegmentCopy:][:SegmentHeaderSize]); err != nil || got != want {
		t.Errorf("second copy = %+v, %v", got, err)
	}
	for _, name := range []string{"0.segment", "000000000000.segment", "1.segment", "00000000001x.segment", "000000000001.segment~", ""} {
		if id, ok := SegmentID(name); ok {
			t.Errorf("SegmentID(%q) = %d", name, id)
		}
	}
	for _, id := range []uint64{1, 999_999_999_999, 1_000_000_000_000} {
		if got, ok := SegmentID(SegmentName(id)); !ok || got != id {
			t.Errorf("SegmentID(%q) = %d, %v", SegmentName(id), got, ok)
		}
	}
}

// FuzzRecord parses any bytes as the parts of segments and as the mark: accepted bytes
// are exactly those that would have been written.
func FuzzRecord(f *testing.F) {
	for _, sample := range sampleHeaders() {
		f.Add(AppendRecord(nil, &sample.h, sample.body))
	}
	f.Add(SegmentHeader{Store: StoreID{1}, Segment: 1, Epoch: 1}.Encode()[:SegmentHeaderSize])
	f.Add(Mark{StoreID{1}, 2, 3}.Encode())
	f.Add(AppendRemoval(nil, store.Removal{Reason: "a", Reference: "b"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHeader(b); err == nil && !bytes.Equal(AppendHeader(nil, &h), b[:HeaderSize]) {
			t.Errorf("header %+v is written otherwise than read", h)
		}
		if r, err := ParseRemoval(b); err == nil && !bytes.Equal(AppendRemoval(nil, r), b) {
			t.Errorf("removal %+v is written otherwise than read", r)
		}
		if m, ok := ParseMark(b); ok && !bytes.Equal(m.Encode(), b) {
			t.Errorf("mark %+v is written otherwise than read", m)
		}
		if name, value, err := ParseValue(b); err == nil && !bytes.Equal(AppendValue(nil, name, value), b) {
			t.Errorf("value %q is written otherwise than read", name)
		}
		if len(b) >= SegmentHeaderSize {
			_, _ = ParseSegmentHeader(b[:SegmentHeaderSize])
		}
		if i := FindMagic(b); i >= 0 && (i%Align != 0 || !bytes.HasPrefix(b[i:], magic[:])) {
			t.Errorf("FindMagic = %d", i)
		}
	})
}
