package s3store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// as makes a body one of another format and kind, with the right checksum.
func as(format byte, k object.Kind) func(body []byte) []byte {
	return func(body []byte) []byte {
		body[4], body[5] = format, byte(k)
		binary.BigEndian.PutUint32(body[164:], crc32.Checksum(body[:164], crc32.MakeTable(crc32.Castagnoli)))
		return body
	}
}

var foreigners = []struct {
	name   string
	change func(body []byte) []byte
	says   string
}{
	{"an unknown kind", as(object.Format, object.KindVacant+1), "newer version"},
	{"no kind", as(object.Format, 0), "newer version"},
	{"a higher format", as(object.Format+1, object.KindTorrent), "newer version"},
	{"the format of tests", as(1, object.KindTorrent), "never released"},
}

// TestForeignObjects has objects of other versions of the program: nothing can be said
// of their torrents, they count as no damage, and stay as they are.
func TestForeignObjects(t *testing.T) {
	e := newEngine(t)
	item := storetest.Torrent(storetest.Hybrid, 1, 500, 0)
	for _, test := range foreigners {
		for _, at := range []infohash.ID{item.IDs.V1, item.IDs.V2} { // the torrent, and a pointer to it
			t.Run(fmt.Sprintf("%s, %d bytes of id", test.name, at.Size()), func(t *testing.T) {
				o := e.options(fmt.Sprintf("foreign/%d/", prefixes.Add(1)), fixedTime)
				o.OnDamage = func(ids infohash.Set) { t.Errorf("%v counts as damaged", ids) }
				s := open(t, o)
				mustPut(t, s, item, store.Created)
				overwriteRaw(t, s, objectKey(at), test.change)
				before, etag := raw(t, s, objectKey(at))
				higher, other := item, storetest.Torrent(storetest.Hybrid, 1, 500, 1)
				higher.Rank, other.Replaces = store.RankKeyed, store.VersionOf(item.Torrent)
				_, get := s.Get(t.Context(), at, nil)
				_, has := s.Has(t.Context(), []infohash.ID{at})
				for name, err := range map[string]error{
					"Get": get, "Has": has,
					"Put":                  s.Put(t.Context(), []store.Item{item})[0].Err,
					"Put of a higher rank": s.Put(t.Context(), []store.Item{higher})[0].Err,
					"Put that replaces":    s.Put(t.Context(), []store.Item{other})[0].Err,
					"Remove":               storetest.Remove(t.Context(), s, at, store.Removal{Erase: true}),
					"Restore":              storetest.Restore(t.Context(), s, at),
				} {
					if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), test.says) {
						t.Errorf("%s = %v, want that it is of a %s", name, err, test.says)
					}
				}
				if after, now := raw(t, s, objectKey(at)); now != etag || !bytes.Equal(after, before) {
					t.Error("the object was overwritten")
				}
			})
		}
	}
}

// TestForeignObjectsAreInNobodysWay leaves notes of a removal that a newer node has
// overwritten: the notes that come after them are seen to.
func TestForeignObjectsAreInNobodysWay(t *testing.T) {
	e := newEngine(t)
	s := open(t, e.options("way/", fixedTime))
	newer, plain := storetest.Torrent(storetest.V1, 1, 500, 0), storetest.Torrent(storetest.V1, 2, 500, 0)
	if newer.IDs.V1.String() > plain.IDs.V1.String() { // it is to be the first in a listing
		newer, plain = plain, newer
	}
	var written []*write
	for _, item := range []store.Item{newer, plain} {
		mustPut(t, s, item, store.Created)
		w := s.sessions.begin()
		if _, _, err := s.makeChange(t.Context(), w, s.removing(item.IDs.V1, store.Removal{Time: fixedTime().Add(-PurgeAfter)})); err != nil {
			t.Fatal(err)
		}
		written = append(written, w)
	}
	overwriteRaw(t, s, objectKey(newer.IDs.V1), as(object.Format+1, object.KindTombstone))
	if ended, err := s.resolve(t.Context(), doubt{id: newer.IDs.V1, write: written[0]}); !ended || err != nil {
		t.Errorf("a write that was overwritten stays in doubt: %v", err)
	}
	written[1].abandon()
	lookTwice(t, s, unannounced{}, unannouncedPause)
	if left := notes(t, s); len(left) != 1 {
		t.Errorf("notes of changes: %v, want that of the newer node", left)
	}
	later := open(t, e.options("way/", func() time.Time { return fixedTime().Add(2 * PurgeAfter) }))
	if err := later.purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if body, _ := raw(t, s, objectKey(plain.IDs.V1)); len(body) >= 500 {
		t.Errorf("%d bytes of the other torrent are left", len(body))
	}
}

// TestForeignStores has buckets of other versions of the program, and one with a damaged epoch.
func TestForeignStores(t *testing.T) {
	e := newEngine(t)
	for i, test := range []struct{ body, says string }{
		{"tcs3store1 0123456789abcdef", "never released"},
		{"tcs3store3 whatever", "newer version"},
		{strings.Replace(string(object.EncodeEpoch(0x0123456789abcdef)), "9", "8", 1), "damaged"},
		{string(object.EncodeEpoch(7)[:20]), "damaged"},
		{"", "damaged"},
	} {
		o := e.options(fmt.Sprintf("stores/%d/", i), fixedTime)
		b, err := bucket.New(o.withDefaults().forBucket())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Put(t.Context(), storeKey, []byte(test.body), ""); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Open over %q = %v, want that it is %s", test.body, err, test.says)
			if err == nil {
				s.Close()
			}
		}
	}
}

// TestUnknownKindsOfChanges has a newer node's change in the feed: it is passed on.
func TestUnknownKindsOfChanges(t *testing.T) {
	e := newEngine(t)
	s := open(t, e.options("kinds/", fixedTime))
	ids := storetest.Torrent(storetest.Hybrid, 1, 500, 0).IDs
	for _, kind := range []store.ChangeKind{0, store.ChangeDropped, store.ChangeDropped + 1, 255} {
		change := store.Change{Kind: kind, IDs: ids, Time: fixedTime().UTC()}
		if err := s.announcer.add(object.Entry{Change: change}, object.Totals{}, func() {}).wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, node := range []*Store{s, open(t, e.options("kinds/", fixedTime))} {
			if got := changesOf(t, node); got[len(got)-1] != change {
				t.Errorf("the feed ends with %v, want %v", got[len(got)-1], change)
			}
		}
	}
}

// TestForeignBatch has a batch of another format in the feed. It is not skipped: it
// may tell of removals.
func TestForeignBatch(t *testing.T) {
	e := newEngine(t)
	s := open(t, e.options("batch/", fixedTime))
	mustPut(t, s, storetest.Torrent(storetest.V1, 1, 300, 0), store.Created)
	b := (&object.Batch{}).Bytes()
	b[3]++
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)))
	if err := s.bucket.Put(t.Context(), feedKey(2), b, ""); err != nil {
		t.Fatal(err)
	}
	if end, err := s.End(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("End = %v, %v; want that a newer version wrote it", end, err)
	}
	if s, err := Open(t.Context(), e.options("batch/", fixedTime)); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("Open = %v, want that a newer version wrote the feed", err)
		if err == nil {
			s.Close()
		}
	}
}
