package hotcache

import (
	"testing"
	"testing/synctest"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
)

// TestEntriesLeaveTwiceADay reads one torrent without a pause, in a cache of the server's
// process and at an edge: it leaves within 12 hours all the same, so that the store hears of the
// next read on the day of it, and drops nothing that is read (--drop-unread-after).
func TestEntriesLeaveTwiceADay(t *testing.T) {
	for _, follow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{Size: 1 << 20, Follow: follow})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			id := infohash.V1([infohash.SizeV1]byte{1})
			c.keep(id)(&entry{torrent: &torrentcachev1.GetTorrentResponse{Torrent: []byte("d")}, lasts: true}, nil)
			begun := time.Now()
			for there := true; there; time.Sleep(time.Minute) {
				if _, there = c.entries.GetIfPresent(id); there && time.Since(begun) >= 12*time.Hour {
					t.Fatalf("at an edge %v: it is there after %v", follow, time.Since(begun))
				}
			}
			if age := time.Since(begun); age < 11*time.Hour {
				t.Errorf("at an edge %v: it has left after %v", follow, age)
			}
		})
	}
}
