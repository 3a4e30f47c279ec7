package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// maxSize is the largest torrent of the servers under test, in bytes.
const maxSize = 200_000

// harness is a server over a store in memory, and a client of it.
type harness struct {
	conn   grpc.ClientConnInterface
	cache  torrentcachev1.CacheServiceClient
	admin  torrentcachev1.AdminServiceClient
	reader *server.Reader
	store  *tampered
	log    *lockedBuffer
	quit   chan struct{}
	calls  chan server.Call
}

// overBoth runs test over the network and again in process.
func overBoth(t *testing.T, test func(t *testing.T, h *harness)) {
	t.Helper()
	t.Run("network", func(t *testing.T) { test(t, newHarness(t, overNetwork)) })
	t.Run("in process", func(t *testing.T) { test(t, newHarness(t, inProcess)) })
}

type connector func(t *testing.T, chain server.Chain, srv *server.Server) grpc.ClientConnInterface

func newHarness(t *testing.T, connect connector) *harness {
	t.Helper()
	return newHarnessWith(t, connect, func(*server.Options) {})
}

func newHarnessWith(t *testing.T, connect connector, change func(*server.Options)) *harness {
	t.Helper()
	return newGatedHarness(t, connect, nil, change)
}

// newGatedHarness returns a harness whose callers gate lets in; nil lets in everybody.
func newGatedHarness(t *testing.T, connect connector, gate *access.Gate, change func(*server.Options)) *harness {
	t.Helper()
	h := &harness{
		store: &tampered{Store: memstore.New()},
		log:   &lockedBuffer{},
		quit:  make(chan struct{}),
		calls: make(chan server.Call, 1000),
	}
	logger := slog.New(slog.NewJSONHandler(h.log, nil))
	options := server.Options{Store: h.store, MaxTorrentSize: maxSize, Version: "v1.2.3", Logger: logger}
	change(&options)
	srv := server.New(options)
	chain := server.Chain{
		Logger:  logger,
		Quit:    h.quit,
		Access:  gate,
		Observe: func(c server.Call) { h.calls <- c },
	}
	h.reader = srv.Reader(chain)
	h.conn = connect(t, chain, srv)
	h.cache = torrentcachev1.NewCacheServiceClient(h.conn)
	h.admin = torrentcachev1.NewAdminServiceClient(h.conn)
	return h
}

func registerAll(srv *server.Server) func(grpc.ServiceRegistrar) {
	return func(r grpc.ServiceRegistrar) {
		srv.RegisterPublic(r)
		srv.RegisterAdmin(r)
	}
}

func overNetwork(t *testing.T, chain server.Chain, srv *server.Server) grpc.ClientConnInterface {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := server.NewGRPC(chain, srv.MaxMessageSize(), health.NewServer(), registerAll(srv))
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

func inProcess(_ *testing.T, chain server.Chain, srv *server.Server) grpc.ClientConnInterface {
	return server.InProcess(chain, srv.MaxMessageSize(), registerAll(srv))
}

// put caches a torrent that must be taken.
func (h *harness) put(t *testing.T, torrent []byte) *torrentcachev1.CacheTorrentResponse {
	t.Helper()
	answer, err := h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err != nil {
		t.Fatalf("CacheTorrent: %v", err)
	}
	return answer
}

// wantReason checks that err is on the wire what the table says of r.
func wantReason(t *testing.T, err error, r reason.Reason) {
	t.Helper()
	checkStatus(t, err, r, func(a reason.Answer) uint32 { return uint32(a.Code) })
}

// wantReadReason is wantReason for calls that only read.
func wantReadReason(t *testing.T, err error, r reason.Reason) {
	t.Helper()
	checkStatus(t, err, r, func(a reason.Answer) uint32 { return uint32(a.ReadCode) })
}

func checkStatus(t *testing.T, err error, r reason.Reason, code func(reason.Answer) uint32) {
	t.Helper()
	s, ok := status.FromError(err)
	if !ok || err == nil {
		t.Fatalf("got %v, want a status of %s", err, r)
	}
	if want := code(r.Answer()); uint32(s.Code()) != want {
		t.Errorf("got code %s (%s), want %d", s.Code(), s.Message(), want)
	}
	if s.Message() == "" {
		t.Error("no message")
	}
	if len(s.Details()) == 0 {
		t.Fatalf("got no details of %v, want an ErrorInfo", err)
	}
	info, ok := s.Details()[0].(*errdetails.ErrorInfo)
	if !ok || info.GetReason() != string(r) || info.GetDomain() != reason.Domain {
		t.Errorf("got %v (%s), want reason %s", s.Details()[0], s.Message(), r)
	}
}

// tampered is a store whose calls a test may replace.
type tampered struct {
	store.Store
	mu  sync.Mutex
	put func(ctx context.Context, items []store.Item) []store.Result
	get func(ctx context.Context, id infohash.ID) (store.Torrent, error)
}

func (s *tampered) Put(ctx context.Context, items []store.Item) []store.Result {
	s.mu.Lock()
	put := s.put
	s.mu.Unlock()
	if put != nil {
		return put(ctx, items)
	}
	return s.Store.Put(ctx, items)
}

func (s *tampered) Get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	s.mu.Lock()
	get := s.get
	s.mu.Unlock()
	if get != nil {
		return get(ctx, id)
	}
	return s.Store.Get(ctx, id, room)
}

func (s *tampered) setPut(put func(ctx context.Context, items []store.Item) []store.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put = put
}

func (s *tampered) failPut(err error) {
	s.setPut(func(context.Context, []store.Item) []store.Result { return []store.Result{{Err: err}} })
}

func (s *tampered) failGet(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.get = func(context.Context, infohash.ID) (store.Torrent, error) { return store.Torrent{}, err }
}

// lockedBuffer is a log that goroutines may share.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
