package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/front/fronttest"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	maxTorrentSize = 100_000
	knownHash      = "0123456789ABCDEF0123456789ABCDEF01234567"
	knownHashV2    = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
	unknownHash    = "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
)

var (
	knownTorrent = []byte("d4:infod6:lengthi1e4:name1:a12:piece lengthi16384e6:pieces20:\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13ee")
	knownTime    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func etagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// fakeCache is a CacheService with one torrent in it, under a v1 and a v2 hash.
// Uploads of that torrent are known, all others new.
type fakeCache struct {
	torrentcachev1.UnimplementedCacheServiceServer

	mu       sync.Mutex
	fail     *reason.Error // the error of every call, if set
	uploaded [][]byte
	md       metadata.MD // of the last call
	describe *torrentcachev1.DescribeTorrentRequest
	about    *torrentcachev1.DescribeTorrentResponse // the description of the torrent, if set
	hang     chan<- error                            // if set, calls wait for their end and send why
}

func (f *fakeCache) begin(ctx context.Context) error {
	f.mu.Lock()
	f.md, _ = metadata.FromIncomingContext(ctx)
	fail, hang := f.fail, f.hang
	f.mu.Unlock()
	if hang != nil {
		hang <- nil
		<-ctx.Done()
		hang <- ctx.Err()
	}
	if fail != nil {
		return fail
	}
	return nil
}

func (f *fakeCache) failWith(e *reason.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = e
}

// describeAs has the service say this of its torrent.
func (f *fakeCache) describeAs(about *torrentcachev1.DescribeTorrentResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.about = about
}

func (f *fakeCache) lastDescribe() *torrentcachev1.DescribeTorrentRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.describe
}

func (f *fakeCache) lastMetadata() metadata.MD {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.md
}

func (f *fakeCache) CacheTorrent(ctx context.Context, req *torrentcachev1.CacheTorrentRequest) (*torrentcachev1.CacheTorrentResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	if len(req.GetTorrent()) == 0 {
		return nil, reason.New(reason.TorrentEmpty, "the torrent is empty")
	}
	f.mu.Lock()
	f.uploaded = append(f.uploaded, bytes.Clone(req.GetTorrent()))
	f.mu.Unlock()
	outcome := torrentcachev1.Outcome_OUTCOME_CREATED
	if bytes.Equal(req.GetTorrent(), knownTorrent) {
		outcome = torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED
	}
	return &torrentcachev1.CacheTorrentResponse{InfoHash: knownHash, InfoHashV1: knownHash, Outcome: outcome}, nil
}

func (f *fakeCache) GetTorrent(ctx context.Context, req *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	if err := f.find(req.GetInfoHash()); err != nil {
		return nil, err
	}
	return &torrentcachev1.GetTorrentResponse{
		Torrent: knownTorrent, InfoHash: knownHash, InfoHashV1: knownHash, InfoHashV2: knownHashV2,
		UpdateTime: timestamppb.New(knownTime), Etag: etagOf(knownTorrent),
	}, nil
}

func (f *fakeCache) find(hash string) error {
	id, err := infohash.Parse(hash)
	if err != nil {
		return reason.New(reason.HashMalformed, "%v", err)
	}
	if s := id.String(); s != knownHash && s != knownHashV2 {
		return reason.New(reason.TorrentNotFound, "%s is not cached", s)
	}
	return nil
}

func (f *fakeCache) DescribeTorrent(ctx context.Context, req *torrentcachev1.DescribeTorrentRequest) (*torrentcachev1.DescribeTorrentResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	if err := f.find(req.GetInfoHash()); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.describe = req
	about := f.about
	f.mu.Unlock()
	if about != nil {
		return about, nil
	}
	return &torrentcachev1.DescribeTorrentResponse{
		InfoHash: knownHash, Name: `<script>alert("x")</script>`, TorrentSizeBytes: int64(len(knownTorrent)),
		ContentSizeBytes: 1_234_567, FileCount: 3,
	}, nil
}

func (f *fakeCache) FindMissingTorrents(ctx context.Context, req *torrentcachev1.FindMissingTorrentsRequest) (*torrentcachev1.FindMissingTorrentsResponse, error) {
	if err := f.begin(ctx); err != nil {
		return nil, err
	}
	missing := &torrentcachev1.FindMissingTorrentsResponse{}
	for _, hash := range req.GetInfoHashes() {
		if f.find(hash) != nil {
			missing.MissingInfoHashes = append(missing.MissingInfoHashes, hash)
		}
	}
	return missing, nil
}

// dial serves on an in-memory listener and returns a connection to it.
func dial(t testing.TB, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///fake",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		// A test may be over before its server has begun.
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("grpc server: %v", err)
		}
	})
	return conn
}

// door is a running door in front of a fake cache.
type door struct {
	t     testing.TB
	cache *fakeCache
	url   string
	addr  string
}

func newDoor(t testing.TB) *door {
	t.Helper()
	return newDoorOf(t, gateway.Options{})
}

// newDoorOf is newDoor with these options beside those that it needs.
func newDoorOf(t testing.TB, o gateway.Options) *door {
	t.Helper()
	cache := &fakeCache{}
	conn := dial(t, func(s *grpc.Server) { torrentcachev1.RegisterCacheServiceServer(s, cache) })
	o.Conn = conn
	d := newDoorBefore(t, o)
	d.cache = cache
	return d
}

// newDoorBefore is a running door in front of the service that o.Conn reaches.
func newDoorBefore(t testing.TB, o gateway.Options) *door {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	o.MaxTorrentSize, o.DownloadMaxAge, o.Logger = maxTorrentSize, 24*time.Hour, log
	handler, err := gateway.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(newFront(handler, log))
	t.Cleanup(server.Close)
	return &door{t: t, url: server.URL, addr: server.Listener.Addr().String()}
}

// answer is a response read to its end.
type answer struct {
	*http.Response
	body string
}

// do sends a request; headers are "Name: value". It follows no redirect.
func (d *door) do(method, path, body string, headers ...string) answer {
	d.t.Helper()
	req, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, header := range headers {
		if name, value, ok := strings.Cut(header, ": "); ok {
			req.Header.Add(name, value)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return answer{res, string(got)}
}

// raw sends bytes as they are and returns all bytes that come back until the end.
func (d *door) raw(request string) string {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		d.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		d.t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(got)
}

// newFront returns a handler that serves only the routes of door.
func newFront(door *gateway.Door, log *slog.Logger) http.Handler {
	return fronttest.Recorded(front.New(front.Options{Routes: door.Routes(), Limits: limit.New(limit.Settings{}), Logger: log}))
}
