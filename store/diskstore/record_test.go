package diskstore

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// sampleHeaders returns a header of every kind, with its body.
func sampleHeaders() map[string]struct {
	h    header
	body []byte
} {
	item := storetest.Torrent(storetest.Hybrid, 1, 100, 0)
	put := header{
		kind: store.ChangeAdded, names: namesOf(item.IDs), rank: store.RankKeyed, store: storeID{1, 2, 3},
		segment: 4, sequence: 5, synced: 6, time: 7, ids: item.IDs,
		infoOffset: uint32(item.InfoOffset), infoLength: uint32(item.InfoLength),
		version: store.VersionOf(item.Torrent),
	}
	removal := appendRemoval(nil, store.Removal{Reason: "r", Reference: "ref", Time: time.Unix(9, 0)})
	return map[string]struct {
		h    header
		body []byte
	}{
		"put":      {put, item.Torrent},
		"removal":  {header{kind: store.ChangeRemoved, names: nameV1, ids: infohash.Set{V1: item.IDs.V1}, segment: 1, sequence: 2}, removal},
		"lost":     {header{kind: store.ChangeAdded, names: nameV1, ids: infohash.Set{V1: item.IDs.V1}, segment: 1, sequence: 2, lost: true}, nil},
		"restored": {header{kind: store.ChangeRestored, names: nameV2, ids: infohash.Set{V2: item.IDs.V2}, segment: 1, sequence: 2}, nil},
		"void":     {header{kind: store.ChangeRestored, names: nameV1, ids: infohash.Set{V1: item.IDs.V1}, segment: 1, sequence: 2, void: true}, nil},
		"dropped":  {header{kind: store.ChangeDropped, names: nameV1, ids: infohash.Set{V1: item.IDs.V1}, segment: 1, sequence: 2}, nil},
		"torn":     {header{kind: kindVoid, segment: 1, sequence: 2, synced: 1}, make([]byte, 100)},
		"value":    {header{kind: kindValue, segment: 1, sequence: 2, time: 3}, (&keptValue{name: "a.b-c", value: []byte("value")}).appendBody(nil)},
	}
}

func TestRecord(t *testing.T) {
	for name, sample := range sampleHeaders() {
		t.Run(name, func(t *testing.T) {
			b := appendRecord(nil, &sample.h, sample.body)
			if int64(len(b)) != sample.h.size() || len(b)%recordAlign != 0 {
				t.Errorf("%d bytes, size says %d", len(b), sample.h.size())
			}
			got, err := parseHeader(b)
			if err != nil || got != sample.h {
				t.Errorf("parseHeader = %+v, %v; want %+v", got, err, sample.h)
			}
			for i := range recordHeaderSize {
				b[i] ^= 0x10
				if _, err := parseHeader(b); err == nil {
					t.Errorf("byte %d changed: no error", i)
				}
				b[i] ^= 0x10
			}
			if _, err := parseHeader(b[:recordHeaderSize-1]); err == nil {
				t.Error("cut short: no error")
			}
		})
	}
}

func TestRemovalText(t *testing.T) {
	longest := strings.Repeat("x", store.MaxRemovalText)
	want := store.Removal{Reason: longest, Reference: longest, Time: time.Unix(1_700_000_000, 0).UTC()}
	if got, err := parseRemoval(appendRemoval(nil, want)); err != nil || got != want {
		t.Errorf("parseRemoval = %+v, %v", got, err)
	}
}

func TestSegmentHeader(t *testing.T) {
	want := segmentHeader{store: storeID{9}, segment: 3, epoch: 4, previous: 2, previousEnd: 12345, created: 6}
	area := want.encode()
	if got, err := parseSegmentHeader(area[segmentCopy:][:segmentHeaderSize]); err != nil || got != want {
		t.Errorf("second copy = %+v, %v", got, err)
	}
	for _, name := range []string{"0.segment", "000000000000.segment", "1.segment", "00000000001x.segment", "000000000001.segment~", ""} {
		if id, ok := segmentID(name); ok {
			t.Errorf("segmentID(%q) = %d", name, id)
		}
	}
	for _, id := range []uint64{1, 999_999_999_999, 1_000_000_000_000} {
		if got, ok := segmentID(segmentName(id)); !ok || got != id {
			t.Errorf("segmentID(%q) = %d, %v", segmentName(id), got, ok)
		}
	}
}

// FuzzRecord parses any bytes as what stands in segments and in the index: what
// is accepted is exactly what would have been written.
func FuzzRecord(f *testing.F) {
	for _, sample := range sampleHeaders() {
		f.Add(appendRecord(nil, &sample.h, sample.body))
		e := entry{sequence: 1, former: []uint64{1, 2}, names: sample.h.names, ids: sample.h.ids, removed: true, removal: store.Removal{Time: time.Unix(0, 0)}}
		f.Add(e.encode())
		f.Add(feedEntry{names: sample.h.names, change: store.Change{Kind: 1, IDs: sample.h.ids, Time: time.Unix(0, 0)}}.encode())
	}
	f.Add(segmentHeader{store: storeID{1}, segment: 1, epoch: 1}.encode()[:segmentHeaderSize])
	f.Add(state{segment: 1}.encode())
	f.Add(account{1, 2, 3, 4, 5}.encode())
	f.Add(mark{storeID{1}, 2, 3}.encode())
	f.Add(appendRemoval(nil, store.Removal{Reason: "a", Reference: "b"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHeader(b); err == nil && !bytes.Equal(appendHeader(nil, &h), b[:recordHeaderSize]) {
			t.Errorf("header %+v is written otherwise than read", h)
		}
		if r, err := parseRemoval(b); err == nil && !bytes.Equal(appendRemoval(nil, r), b) {
			t.Errorf("removal %+v is written otherwise than read", r)
		}
		if s, err := parseState(b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Errorf("state %+v is written otherwise than read", s)
		}
		if e, err := parseEntry(b); err == nil {
			if again, err := parseEntry(e.encode()); err != nil || !reflect.DeepEqual(again, e) {
				t.Errorf("entry %+v reads back as %+v, %v", e, again, err)
			}
		}
		if m, ok := parseMark(b); ok && !bytes.Equal(m.encode(), b) {
			t.Errorf("mark %+v is written otherwise than read", m)
		}
		if a, err := parseAccount(b); err == nil && !bytes.Equal(a.encode(), b) {
			t.Errorf("account %+v is written otherwise than read", a)
		}
		if f, err := parseFeedEntry(feedKey(1), b); err == nil && !bytes.Equal(f.encode(), b) {
			t.Errorf("feed entry %+v is written otherwise than read", f)
		}
		if v, err := parseKeptValue("a", b); err == nil && !bytes.Equal(v.encode(), b) {
			t.Errorf("value %+v is written otherwise than read", v)
		}
		if name, value, err := parseValueBody(b); err == nil && !bytes.Equal((&keptValue{name: name, value: value}).appendBody(nil), b) {
			t.Errorf("value %q is written otherwise than read", name)
		}
		if all, err := parseSpans(string(b)); err == nil {
			if again, err := parseSpans(all.String()); err != nil || !slices.Equal(again, all) {
				t.Errorf("segments %v read back as %v, %v", all, again, err)
			}
		}
		if len(b) >= segmentHeaderSize {
			_, _ = parseSegmentHeader(b[:segmentHeaderSize])
		}
		if i := alignedMagic(b); i >= 0 && (i%recordAlign != 0 || !bytes.HasPrefix(b[i:], recordMagic[:])) {
			t.Errorf("alignedMagic = %d", i)
		}
	})
}
