package index

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// FuzzIndex parses any bytes as the values of the index: accepted bytes are exactly
// those that would have been written.
func FuzzIndex(f *testing.F) {
	for _, shape := range []storetest.Shape{storetest.V1, storetest.V2, storetest.Hybrid} {
		set := storetest.Torrent(shape, 1, 100, 0).IDs
		e := Entry{Sequence: 1, Former: []uint64{1, 2}, Names: format.NamesOf(set), IDs: set, Removed: true, Removal: store.Removal{Time: time.Unix(0, 0)}}
		f.Add(e.encode())
		f.Add(FeedEntry{Names: format.NamesOf(set), Change: store.Change{Kind: 1, IDs: set, Time: time.Unix(0, 0)}}.encode())
	}
	f.Add(State{Segment: 1}.encode())
	f.Add(Account{1, 2, 3, 4, 5, 6, 7}.encode())
	f.Add(Drop{1, 2, []uint64{3}}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseState(b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Errorf("state %+v is written otherwise than read", s)
		}
		if e, err := parseEntry(b); err == nil {
			if again, err := parseEntry(e.encode()); err != nil || !reflect.DeepEqual(again, e) {
				t.Errorf("entry %+v reads back as %+v, %v", e, again, err)
			}
		}
		if a, err := parseAccount(b); err == nil && !bytes.Equal(a.encode(), b) {
			t.Errorf("account %+v is written otherwise than read", a)
		}
		if d, err := parseDrop(b); err == nil && !bytes.Equal(d.encode(), b) {
			t.Errorf("drop %+v is written otherwise than read", d)
		}
		if f, err := parseFeedEntry(feedKey(1), b); err == nil && !bytes.Equal(f.encode(), b) {
			t.Errorf("feed entry %+v is written otherwise than read", f)
		}
		if v, err := parseValue("a", b); err == nil && !bytes.Equal(v.encode(), b) {
			t.Errorf("value %+v is written otherwise than read", v)
		}
	})
}
