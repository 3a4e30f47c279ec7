package server_test

import (
	"maps"
	"strings"
	"sync"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// OnItemError is called for each item that failed in a call for many, which itself succeeds.
func TestItemErrorsAreTold(t *testing.T) {
	for _, connect := range []servertest.Connector{servertest.OverNetwork, servertest.InProcess} {
		var mu sync.Mutex
		failed := map[string]int{}
		h := servertest.New(t, connect, func(o *servertest.Options) {
			o.OnItemError = func(method string, why reason.Reason) {
				mu.Lock()
				defer mu.Unlock()
				failed[method[strings.LastIndex(method, "/")+1:]+" "+string(why)]++
			}
		})
		bad := &torrentcachev1.CacheTorrentsRequest{Torrent: []byte("no torrent")}
		cacheAll(t, h, bad, &torrentcachev1.CacheTorrentsRequest{Torrent: torrenttest.V1("a")}, bad, &torrentcachev1.CacheTorrentsRequest{})
		absent := strings.Repeat("AB", 20)
		if _, err := readMany(t, h, servertest.HashOf(torrenttest.V1("a")), absent); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Admin.RemoveTorrents(t.Context(), &torrentcachev1.RemoveTorrentsRequest{InfoHashes: []string{absent, "nonsense"}}); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{
			"CacheTorrents TORRENT_INVALID": 2, "CacheTorrents TORRENT_EMPTY": 1,
			"ReadTorrents TORRENT_NOT_FOUND": 1, "RemoveTorrents HASH_MALFORMED": 1,
		}
		mu.Lock()
		if !maps.Equal(failed, want) {
			t.Errorf("told %v, want %v", failed, want)
		}
		mu.Unlock()
	}
}
