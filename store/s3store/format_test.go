package s3store

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// sampleObject returns a tombstone that has everything.
func sampleObject() object {
	item := storetest.Torrent(storetest.Hybrid, 1, 300, 0)
	o := object{header: torrentHeader(item, time.Unix(1_700_000_000, 0).UTC()), torrent: item.Torrent}
	o.write = writeID{session: sessionID{1, 2, 3}, counter: 7}
	o.rank = store.RankKeyed
	o.reason, o.reference = "spam", "case 7"
	o.remove(store.Removal{Reason: o.reason, Reference: o.reference, Time: o.stored.Add(time.Hour)})
	return o
}

func TestObjectRoundTrip(t *testing.T) {
	o := sampleObject()
	got, err := parseObject(o.bytes())
	if err != nil || got.header != o.header || got.reason != o.reason || got.reference != o.reference ||
		!bytes.Equal(got.torrent, o.torrent) || got.damaged() {
		t.Errorf("read back: %+v, %v; want %+v", got, err, o)
	}
}

// TestObjectDamage flips each bit in turn: either the header or the torrent must
// say so, or it was the text of the removal, which is then left out.
func TestObjectDamage(t *testing.T) {
	o := sampleObject()
	body := o.bytes()
	for i := range body {
		for bit := range 8 {
			bad := bytes.Clone(body)
			bad[i] ^= 1 << bit
			got, err := parseObject(bad)
			text := i >= headerSize && i < headerSize+len(o.reason)+len(o.reference)
			switch {
			case i < headerSize && !errors.Is(err, errHeader):
				t.Fatalf("bit %d of byte %d of the header: unnoticed", bit, i)
			case text && (got.reason != "" || got.damaged()):
				t.Fatalf("bit %d of byte %d of the texts: %q", bit, i, got.reason)
			case i >= headerSize && !text && !got.damaged():
				t.Fatalf("bit %d of byte %d of the torrent: unnoticed", bit, i)
			}
		}
	}
	for n := range body {
		if got, err := parseObject(body[:n]); err == nil && !got.damaged() {
			t.Fatalf("cut to %d bytes: unnoticed", n)
		}
	}
}

func sampleBatch() *batch {
	ids := storetest.Torrent(storetest.Hybrid, 1, 300, 0).IDs
	return &batch{
		id:     [16]byte{9, 8, 7},
		totals: totals{torrents: 5, removed: -1, bytes: 1 << 40},
		entries: []entry{
			{Change: store.Change{Kind: store.ChangeAdded, IDs: ids, Time: time.Unix(1_700_000_000, 0).UTC()}, write: writeID{counter: 3}},
			{Change: store.Change{Kind: store.ChangeRemoved, IDs: setOf(ids.V2)}},
		},
	}
}

func TestBatchRoundTrip(t *testing.T) {
	b := sampleBatch()
	got, err := parseBatch(b.bytes())
	if err != nil || got.id != b.id || got.totals != b.totals || len(got.entries) != 2 ||
		got.entries[0] != b.entries[0] || got.entries[1] != b.entries[1] {
		t.Errorf("read back: %+v, %v; want %+v", got, err, b)
	}
	body := b.bytes()
	for i := range body {
		bad := bytes.Clone(body)
		bad[i] ^= 0x10
		if _, err := parseBatch(bad); err == nil {
			t.Fatalf("damage of byte %d: unnoticed", i)
		}
		if _, err := parseBatch(body[:i]); err == nil {
			t.Fatalf("cut to %d bytes: unnoticed", i)
		}
	}
}

func FuzzObject(f *testing.F) {
	o := sampleObject()
	f.Add(o.bytes())
	f.Add(o.bytes()[:headerSize])
	f.Add([]byte(objectMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseObject(b)
		if err != nil || o.damaged() {
			return
		}
		again, err := parseObject(o.bytes())
		if err != nil || again.header != o.header || !bytes.Equal(again.torrent, o.torrent) {
			t.Errorf("written and read again it is %+v, before %+v", again, o)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(sampleBatch().bytes())
	f.Add((&batch{}).bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if parsed, err := parseBatch(b); err == nil && len(parsed.bytes()) != len(b) {
			t.Errorf("%d bytes, written again %d", len(b), len(parsed.bytes()))
		}
	})
}
