package object

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// sampleObject returns a tombstone that has everything.
func sampleObject() Object {
	item := storetest.Torrent(storetest.Hybrid, 1, 300, 0)
	o := Object{Header: NewHeader(item, time.Unix(1_700_000_000, 0).UTC()), Torrent: item.Torrent}
	o.Write = WriteID{Session: SessionID{1, 2, 3}, Counter: 7}
	o.Rank = store.RankKeyed
	o.Reason, o.Reference = "spam", "case 7"
	o.Remove(store.Removal{Reason: o.Reason, Reference: o.Reference, Time: o.Stored.Add(time.Hour)})
	return o
}

func TestObjectRoundTrip(t *testing.T) {
	o := sampleObject()
	got, err := Parse(o.Bytes())
	if err != nil || got.Header != o.Header || got.Reason != o.Reason || got.Reference != o.Reference ||
		!bytes.Equal(got.Torrent, o.Torrent) || got.Damaged() {
		t.Errorf("read back: %+v, %v; want %+v", got, err, o)
	}
}

// TestObjectDamage flips each bit in turn: either the header or the torrent must
// say so, or it was the text of the removal, which is then left out.
func TestObjectDamage(t *testing.T) {
	o := sampleObject()
	body := o.Bytes()
	for i := range body {
		for bit := range 8 {
			bad := bytes.Clone(body)
			bad[i] ^= 1 << bit
			got, err := Parse(bad)
			text := i >= HeaderSize && i < HeaderSize+len(o.Reason)+len(o.Reference)
			switch {
			case i < HeaderSize && !errors.Is(err, errHeader):
				t.Fatalf("bit %d of byte %d of the header: unnoticed", bit, i)
			case text && (got.Reason != "" || got.Damaged()):
				t.Fatalf("bit %d of byte %d of the texts: %q", bit, i, got.Reason)
			case i >= HeaderSize && !text && !got.Damaged():
				t.Fatalf("bit %d of byte %d of the torrent: unnoticed", bit, i)
			}
		}
	}
	for n := range body {
		if got, err := Parse(body[:n]); err == nil && !got.Damaged() {
			t.Fatalf("cut to %d bytes: unnoticed", n)
		}
	}
}

func sampleBatch() *Batch {
	ids := storetest.Torrent(storetest.Hybrid, 1, 300, 0).IDs
	return &Batch{
		ID:     [16]byte{9, 8, 7},
		Totals: Totals{Torrents: 5, Removed: -1, Bytes: 1 << 40},
		Entries: []Entry{
			{Change: store.Change{Kind: store.ChangeAdded, IDs: ids, Time: time.Unix(1_700_000_000, 0).UTC()}, Write: WriteID{Counter: 3}},
			{Change: store.Change{Kind: store.ChangeRemoved, IDs: infohash.Set{V2: ids.V2}}},
		},
	}
}

func TestBatchRoundTrip(t *testing.T) {
	b := sampleBatch()
	got, err := ParseBatch(b.Bytes())
	if err != nil || got.ID != b.ID || got.Totals != b.Totals || len(got.Entries) != 2 ||
		got.Entries[0] != b.Entries[0] || got.Entries[1] != b.Entries[1] {
		t.Errorf("read back: %+v, %v; want %+v", got, err, b)
	}
	body := b.Bytes()
	for i := range body {
		bad := bytes.Clone(body)
		bad[i] ^= 0x10
		if _, err := ParseBatch(bad); err == nil {
			t.Fatalf("damage of byte %d: unnoticed", i)
		}
		if _, err := ParseBatch(body[:i]); err == nil {
			t.Fatalf("cut to %d bytes: unnoticed", i)
		}
	}
}

func FuzzObject(f *testing.F) {
	o := sampleObject()
	f.Add(o.Bytes())
	f.Add(o.Bytes()[:HeaderSize])
	f.Add([]byte(objectMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b)
		if err != nil || o.Damaged() {
			return
		}
		again, err := Parse(o.Bytes())
		if err != nil || again.Header != o.Header || !bytes.Equal(again.Torrent, o.Torrent) {
			t.Errorf("written and read again it is %+v, before %+v", again, o)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(sampleBatch().Bytes())
	f.Add((&Batch{}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if parsed, err := ParseBatch(b); err == nil && len(parsed.Bytes()) != len(b) {
			t.Errorf("%d bytes, written again %d", len(b), len(parsed.Bytes()))
		}
	})
}
