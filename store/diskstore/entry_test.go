package diskstore

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// FuzzIndex parses any bytes as what stands in the index: what is accepted is exactly what
// would have been written.
func FuzzIndex(f *testing.F) {
	for _, shape := range []storetest.Shape{storetest.V1, storetest.V2, storetest.Hybrid} {
		set := storetest.Torrent(shape, 1, 100, 0).IDs
		e := entry{sequence: 1, former: []uint64{1, 2}, names: format.NamesOf(set), ids: set, removed: true, removal: store.Removal{Time: time.Unix(0, 0)}}
		f.Add(e.encode())
		f.Add(feedEntry{names: format.NamesOf(set), change: store.Change{Kind: 1, IDs: set, Time: time.Unix(0, 0)}}.encode())
	}
	f.Add(state{segment: 1}.encode())
	f.Add(account{1, 2, 3, 4, 5, 6, 7}.encode())
	f.Add(droppedTorrent{1, 2, []uint64{3}}.encode())
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
		if d, err := parseDropped(b); err == nil && !bytes.Equal(d.encode(), b) {
			t.Errorf("drop %+v is written otherwise than read", d)
		}
		if f, err := parseFeedEntry(feedKey(1), b); err == nil && !bytes.Equal(f.encode(), b) {
			t.Errorf("feed entry %+v is written otherwise than read", f)
		}
		if v, err := parseKeptValue("a", b); err == nil && !bytes.Equal(v.encode(), b) {
			t.Errorf("value %+v is written otherwise than read", v)
		}
		if all, err := parseSpans(string(b)); err == nil {
			if again, err := parseSpans(all.String()); err != nil || !slices.Equal(again, all) {
				t.Errorf("segments %v read back as %v, %v", all, again, err)
			}
		}
	})
}
