// Package servertest is a server for tests: over a store in memory, reached over the network and
// in process.
package servertest

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// MaxSize is the largest torrent of the servers under test, in bytes.
const MaxSize = 200_000

// Options are those of a server under test.
type Options struct {
	server.Options
	Admin admin.Options
}

// Services are those of a server under test.
type Services struct {
	*server.Server
	Operator *admin.Service
}

// Register registers them all.
func (s Services) Register(r grpc.ServiceRegistrar) {
	s.RegisterPublic(r)
	s.Operator.Register(r)
}

// Harness is a server over a store in memory, and a client of it.
type Harness struct {
	Conn   grpc.ClientConnInterface
	Cache  torrentcachev1.CacheServiceClient
	Admin  torrentcachev1.AdminServiceClient
	Reader *server.Reader
	Store  *Store
	Log    *Log
	Quit   chan struct{}
	Calls  chan rpc.Call // that have ended
}

// Connector returns a connection to services, whose calls go through chain.
type Connector func(t *testing.T, chain rpc.Chain, services Services) grpc.ClientConnInterface

// Both are the two ways to a server.
func Both() map[string]Connector {
	return map[string]Connector{"network": OverNetwork, "in process": InProcess}
}

// OverBoth runs test over the network and again in process.
func OverBoth(t *testing.T, test func(t *testing.T, h *Harness)) {
	t.Helper()
	for name, connect := range Both() {
		t.Run(name, func(t *testing.T) { test(t, New(t, connect)) })
	}
}

// New returns a harness of a server with the options that change it, if any.
func New(t *testing.T, connect Connector, change ...func(*Options)) *Harness {
	t.Helper()
	return NewGated(t, connect, nil, change...)
}

// NewGated returns a harness whose callers gate lets in; nil lets in everybody.
func NewGated(t *testing.T, connect Connector, gate *access.Gate, change ...func(*Options)) *Harness {
	t.Helper()
	h := &Harness{
		Store: &Store{Store: memstore.New()},
		Log:   &Log{},
		Quit:  make(chan struct{}),
		Calls: make(chan rpc.Call, 1000),
	}
	logger := slog.New(slog.NewJSONHandler(h.Log, nil))
	options := Options{server.Options{Store: h.Store, MaxTorrentSize: MaxSize, Logger: logger}, admin.Options{Version: "v1.2.3"}}
	for _, change := range change {
		change(&options)
	}
	srv := server.New(options.Options)
	chain := rpc.Chain{
		Logger:  logger,
		Quit:    h.Quit,
		Access:  gate,
		Observe: func(c rpc.Call) { h.Calls <- c },
	}
	h.Reader = srv.Reader(chain)
	h.Conn = connect(t, chain, Services{srv, admin.New(srv, options.Admin)})
	h.Cache = torrentcachev1.NewCacheServiceClient(h.Conn)
	h.Admin = torrentcachev1.NewAdminServiceClient(h.Conn)
	return h
}

// OverGated is OverBoth with a gate, and a key for each role.
func OverGated(t *testing.T, anonymous access.Roles, test func(t *testing.T, h *Harness, gate *access.Gate, key func(access.Roles) context.Context)) {
	t.Helper()
	for name, connect := range Both() {
		t.Run(name, func(t *testing.T) {
			var entries []access.Entry
			keys := map[access.Roles]string{}
			for _, role := range []access.Roles{access.Read, access.Write, access.Sync, access.Admin} {
				keys[role] = access.NewKey()
				entries = append(entries, access.Entry{Name: role.String(), Roles: role, Key: access.DigestOf(keys[role])})
			}
			gate := access.NewGate(access.New(anonymous, entries))
			test(t, NewGated(t, connect, gate), gate, func(role access.Roles) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+keys[role])
			})
		})
	}
}

// OverLimited runs test over the network and in process with these limits; calls
// with the context that from returns come from that address.
func OverLimited(t *testing.T, s limit.Settings, test func(t *testing.T, h *Harness, from func(string) context.Context)) {
	t.Helper()
	for name, connect := range Both() {
		t.Run(name, func(t *testing.T) {
			limits := limit.New(s)
			h := New(t, func(t *testing.T, chain rpc.Chain, services Services) grpc.ClientConnInterface {
				chain.Limits = limits
				if err := (*origin.Networks)(&chain.Proxies).Set("127.0.0.0/8"); err != nil {
					t.Fatal(err)
				}
				return connect(t, chain, services)
			}, func(o *Options) { o.Limits = limits })
			test(t, h, func(address string) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", address)
			})
		})
	}
}

// OverNetwork is the Connector of a connection over TCP.
func OverNetwork(t *testing.T, chain rpc.Chain, services Services) grpc.ClientConnInterface {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.NewGRPC(chain, nil, services.MaxMessageSize(), health.NewServer(), services.Register)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return conn
}

// InProcess is the Connector of a connection within the process.
func InProcess(_ *testing.T, chain rpc.Chain, services Services) grpc.ClientConnInterface {
	return rpc.InProcess(chain, services.MaxMessageSize(), services.Register)
}

// Put caches a torrent that must be taken.
func (h *Harness) Put(t *testing.T, torrent []byte) *torrentcachev1.CacheTorrentResponse {
	t.Helper()
	answer, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err != nil {
		t.Fatalf("CacheTorrent: %v", err)
	}
	return answer
}

// Get returns the torrent of an info hash.
func (h *Harness) Get(ctx context.Context, hash string) ([]byte, error) {
	got, err := h.Cache.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	return got.GetTorrent(), err
}
