package hotcache_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/gateway/hotcache"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// patience bounds waits for events that surely come.
const patience = 60 * time.Second

// harness is a cache before a real server in the same process.
type harness struct {
	*hotcache.Cache
	*tap
	uploads torrentcachev1.CacheServiceClient // not through the cache
	admin   torrentcachev1.AdminServiceClient
	fast    fastpath.Source
	store   *memstore.Store
	limits  *limit.Limits // without bounds
	reader  *reader       // nil if not asked for
	door    http.Handler  // nil without reader
}

// reader is a hotcache.Reader that reads as from a disk, into the caller's memory,
// and may be held up.
type reader struct {
	inner  hotcache.Reader
	reads  atomic.Int64
	err    error              // of each read, unless nil
	before func()             // is called before a read
	after  func()             // is called between a read and its return
	twist  func(bytes []byte) // changes the bytes
}

// ReadTorrent implements [hotcache.Reader].
func (r *reader) ReadTorrent(ctx context.Context, id infohash.ID, alloc func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error) {
	r.reads.Add(1)
	if r.before != nil {
		r.before()
	}
	if r.err != nil {
		return nil, r.err
	}
	got, err := r.inner.ReadTorrent(ctx, id, func(n int) ([]byte, error) { return make([]byte, n), nil })
	if err == nil {
		into, err := alloc(len(got.GetTorrent()))
		if err != nil {
			return nil, err
		}
		got.Torrent = append(into[:0], got.GetTorrent()...)
		if r.twist != nil {
			r.twist(got.Torrent)
		}
	}
	if r.after != nil {
		r.after()
	}
	return got, err
}

// newHarness returns a cache that is told of changes by the server, or hears of
// them from its feed.
func newHarness(t *testing.T, size int64, follow bool) *harness {
	t.Helper()
	return newHarnessOf(t, hotcache.Options{Size: size, Follow: follow}, hotcache.Backend{})
}

// newLocal returns a cache whose fast path reads from the store, behind the real
// door, whose headers differ with each torrent.
func newLocal(t *testing.T, size int64) *harness {
	t.Helper()
	return newLocalOf(t, size, gateway.Options{})
}

// newLocalOf is newLocal behind a door with these options beside those that it needs.
func newLocalOf(t *testing.T, size int64, o gateway.Options) *harness {
	t.Helper()
	direct := &reader{}
	h := newHarnessOf(t, hotcache.Options{Size: size}, hotcache.Backend{Reader: direct})
	h.reader = direct
	o.Conn, o.Torrents, o.MaxTorrentSize, o.DownloadMaxAge = h.tap, h.Cache, 1<<20, time.Hour
	door, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	h.door = front.NewMux(door.Routes()...)
	h.fast = h.Answers(h.door, door.AppendHeader)
	return h
}

// newHarnessOf is newHarness for any options, and any backend but its Conn.
func newHarnessOf(t *testing.T, options hotcache.Options, b hotcache.Backend) *harness {
	t.Helper()
	h := &harness{store: memstore.New(), limits: limit.New(limit.Settings{})}
	o := server.Options{Store: h.store, MaxTorrentSize: 1 << 20}
	if !options.Follow {
		o.OnChange = func(ids infohash.Set) { h.Invalidate(ids) }
	}
	srv := server.New(o)
	backend := rpc.InProcess(rpc.Chain{}, srv.MaxMessageSize(), func(r grpc.ServiceRegistrar) {
		srv.RegisterPublic(r)
		admin.New(srv, admin.Options{}).Register(r)
	})
	h.uploads = torrentcachev1.NewCacheServiceClient(backend)
	h.admin = torrentcachev1.NewAdminServiceClient(backend)
	h.tap = &tap{ClientConnInterface: backend}
	b.Conn = h.tap
	if direct, ok := b.Reader.(*reader); ok {
		direct.inner = srv.Reader(rpc.Chain{})
	}
	cache, err := hotcache.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	cache.Connect(b)
	h.Cache = cache
	h.fast = cache.Answers(http.HandlerFunc(h.serve), func(b []byte, got *torrentcachev1.GetTorrentResponse) []byte {
		return fmt.Appendf(b, "Content-Length: %d\r\nContent-Type: application/x-bittorrent\r\n", len(got.GetTorrent()))
	})
	return h
}

// reserved returns a Reservation of some caller for an answer.
func (h *harness) reserved() *limit.Reservation {
	return h.limits.Reservation(limit.Caller{}, limit.Answering, nil)
}

// answer returns the answer of the fast path for id, once it has left.
func (h *harness) answer(id infohash.ID) *fastpath.Answer {
	reserved := h.reserved()
	defer reserved.Release()
	return h.fast(id, reserved, true)
}

// wantMemory fails the test unless so many bytes are held.
func (h *harness) wantMemory(t *testing.T, want int) {
	t.Helper()
	if got := h.limits.Stats().MemoryBytes; got != int64(want) {
		t.Errorf("%d bytes are held, want %d", got, want)
	}
}

// serve is a small door over the cache.
func (h *harness) serve(w http.ResponseWriter, r *http.Request) {
	id, err := infohash.Parse(r.URL.Path[len("/torrent/") : len(r.URL.Path)-len(".torrent")])
	if err != nil {
		panic(err)
	}
	status, body := http.StatusOK, []byte(nil)
	got, err := h.GetTorrent(r.Context(), id)
	if err != nil {
		status, body = reason.Of(err).Reason.Answer().Download, []byte("none\n")
	} else {
		body = got.GetTorrent()
	}
	w.Header().Set("Content-Type", "application/x-bittorrent")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// tap counts the calls that reach the backend, and may hold them up.
type tap struct {
	grpc.ClientConnInterface
	mu     sync.Mutex
	calls  int
	before func(context.Context) error // is called before a call; an error is its answer
	after  func()                      // is called between an answer and its return
	twist  func(reply any)             // changes an answer
	cut    func()                      // ends the streams
	deaf   bool                        // streams say nothing
	refuse error                       // why there are no streams; nil if there are
	asked  int                         // for streams
	kind   torrentcachev1.ChangeKind   // of all changes that streams tell; zero: as it is
}

func (t *tap) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	t.mu.Lock()
	before := t.before
	t.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return err
		}
	}
	err := t.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	t.mu.Lock()
	t.calls++
	after, twist := t.after, t.twist
	t.mu.Unlock()
	if after != nil {
		after()
	}
	if twist != nil && err == nil {
		twist(reply)
	}
	return err
}

func (t *tap) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	if t.refuse != nil {
		return nil, t.refuse
	}
	ctx, t.cut = context.WithCancel(ctx)
	stream, err := t.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if t.deaf && err == nil {
		return &deafStream{ClientStream: stream}, nil
	}
	if t.kind != 0 && err == nil {
		return &oneKind{ClientStream: stream, kind: t.kind}, nil
	}
	return stream, err
}

// oneKind is a feed in which all changes are of one kind.
type oneKind struct {
	grpc.ClientStream
	kind torrentcachev1.ChangeKind
}

func (s *oneKind) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if news, ok := m.(*torrentcachev1.WatchChangesResponse); ok && err == nil {
		// The server shares the values below the top level, so they are copied.
		changes := make([]*torrentcachev1.Change, len(news.GetChanges()))
		for i, c := range news.GetChanges() {
			changes[i] = &torrentcachev1.Change{Kind: s.kind, InfoHash: c.GetInfoHash(), InfoHashV1: c.GetInfoHashV1(), InfoHashV2: c.GetInfoHashV2()}
		}
		news.Changes = changes
	}
	return err
}

// deafStream is a feed whose line is dead.
type deafStream struct{ grpc.ClientStream }

func (s *deafStream) RecvMsg(any) error {
	<-s.Context().Done()
	return s.Context().Err()
}

func (t *tap) set(change func(*tap)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// streams returns how often a stream was asked for.
func (t *tap) streams() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// count returns how many calls have reached the backend.
func (t *tap) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls
}

// upload caches a torrent, not through the cache under test, and returns its ids.
func (h *harness) upload(t *testing.T, torrent []byte) infohash.Set {
	t.Helper()
	if _, err := h.uploads.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
		t.Fatal(err)
	}
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.IDs()
}

func (h *harness) remove(t *testing.T, id infohash.ID) {
	t.Helper()
	if _, err := h.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: id.String()}); err != nil {
		t.Fatal(err)
	}
}

// want fails the test unless the cache answers with torrent.
func (h *harness) want(t *testing.T, id infohash.ID, torrent []byte) {
	t.Helper()
	got, err := h.GetTorrent(t.Context(), id)
	if err != nil || string(got.GetTorrent()) != string(torrent) {
		t.Fatalf("got %d bytes and %v, want the torrent's %d", len(got.GetTorrent()), err, len(torrent))
	}
}

func (h *harness) wantReason(t *testing.T, id infohash.ID, want reason.Reason) {
	t.Helper()
	if _, err := h.GetTorrent(t.Context(), id); err == nil || reason.Of(err).Reason != want {
		t.Fatalf("got %v, want %s", err, want)
	}
}

// wantCalls fails the test unless do makes so many calls of the backend.
func (h *harness) wantCalls(t *testing.T, want int, do func()) {
	t.Helper()
	before := h.count()
	do()
	if got := h.count() - before; got != want {
		t.Errorf("the backend was called %d times, want %d", got, want)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for begun := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatal(what)
		}
	}
}

var (
	one    = torrenttest.V1("one")
	hybrid = torrenttest.Hybrid("hybrid")
)
