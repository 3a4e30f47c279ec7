package hotcache_test

import (
	"testing"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway/hotcache"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// gated is a cache before a server that checks its callers.
type gated struct {
	*hotcache.Cache
	*tap
	gate *access.Gate
}

func newGated(t *testing.T, p *access.Policy, o hotcache.Options, b hotcache.Backend) *gated {
	t.Helper()
	srv := server.New(server.Options{Store: memstore.New(), MaxTorrentSize: 1 << 20})
	g := &gated{gate: access.NewGate(p)}
	g.tap = &tap{ClientConnInterface: rpc.InProcess(rpc.Chain{Access: g.gate}, srv.MaxMessageSize(), func(r grpc.ServiceRegistrar) { srv.RegisterPublic(r) })}
	b.Conn, o.Size = g.tap, 1<<20
	cache, err := hotcache.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	cache.Connect(b)
	g.Cache = cache
	return g
}

// A torrent that not everybody may read is asked for each time, by each caller.
func TestPrivateTorrentsAreNotKept(t *testing.T) {
	torrent := torrenttest.V1("a")
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	id := parsed.IDs().Primary()
	for name, follow := range map[string]bool{"told so": false, "told by the feed": true} {
		t.Run(name, func(t *testing.T) {
			g := newGated(t, access.New(access.Read|access.Write, nil), hotcache.Options{Follow: follow}, hotcache.Backend{Private: !follow})
			if _, err := torrentcachev1.NewCacheServiceClient(g.tap).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
				t.Fatal(err)
			}
			if follow {
				go g.Follow(t.Context())
				eventually(t, "the word that everybody may read", func() bool { return !g.Private() })
				eventually(t, "answers from memory", func() bool {
					before := g.count()
					_, err := g.GetTorrent(t.Context(), id)
					return err == nil && g.count() == before
				})
			}
			g.gate.Set(access.New(0, nil))
			g.set(func(tap *tap) {
				if tap.cut != nil {
					tap.cut() // the server restarts, as it must for this
				}
			})
			eventually(t, "the word that not everybody may", g.Private)
			for range 3 {
				if _, err := g.GetTorrent(t.Context(), id); reason.Of(err).Reason != reason.Unauthenticated {
					t.Fatalf("who may not read got %v", err)
				}
			}
		})
	}
}
