package client_test

import (
	"context"
	"iter"
	"net"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// maxSize is that of the servers under test.
const maxSize = 1_000_000

// testServer is a real server over a store in memory, which outlives it: it can
// be stopped and started again at the same address.
type testServer struct {
	t       *testing.T
	address string
	store   store.Store
	grpc    *grpc.Server
	wanted  *wanted.Book
}

func startServer(t *testing.T) *testServer {
	t.Helper()
	s := &testServer{t: t, store: memstore.New(), address: "127.0.0.1:0", wanted: wanted.New(10)}
	s.start()
	t.Cleanup(func() { s.grpc.Stop() })
	return s
}

func (s *testServer) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address = listener.Addr().String()
	srv := server.New(server.Options{Store: s.store, MaxTorrentSize: maxSize, Wanted: s.wanted})
	s.grpc = rpc.NewGRPC(rpc.Chain{}, nil, srv.MaxMessageSize(), health.NewServer(), srv.RegisterPublic)
	go s.grpc.Serve(listener)
}

func (s *testServer) dial(o client.Options) *client.Client {
	s.t.Helper()
	if o.MaxTorrentSize == 0 {
		o.MaxTorrentSize = maxSize
	}
	c, err := client.Dial(s.address, o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// holds fails the test unless the server has exactly these torrents, by their bytes.
func (s *testServer) holds(torrents ...[]byte) {
	s.t.Helper()
	for _, torrent := range torrents {
		got, err := s.store.Get(context.Background(), idOf(s.t, torrent), nil)
		if err != nil || !slices.Equal(got.Bytes, torrent) {
			s.t.Errorf("torrent %s: %v", idOf(s.t, torrent), err)
		}
	}
	stats, err := s.store.Stats(context.Background())
	if err != nil || stats.Torrents != int64(len(torrents)) {
		s.t.Errorf("the server has %d torrents, want %d (%v)", stats.Torrents, len(torrents), err)
	}
}

func idOf(t *testing.T, torrent []byte) infohash.ID {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.IDs().Primary()
}

// results collects the results of a push.
type results struct {
	mu  sync.Mutex
	all []client.Result
}

func (r *results) add(result client.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, result)
}

func (r *results) counts() map[client.Status]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[client.Status]int{}
	for _, result := range r.all {
		counts[result.Status]++
	}
	return counts
}

func items(torrents ...[]byte) iter.Seq[client.Item] {
	return func(yield func(client.Item) bool) {
		for _, torrent := range torrents {
			if !yield(client.Item{Torrent: torrent}) {
				return
			}
		}
	}
}
