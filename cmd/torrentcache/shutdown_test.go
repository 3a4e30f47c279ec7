//go:build unix

package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// briefly is --shutdown-timeout where something hangs.
const briefly = "100ms"

// wantEnd wants the process to end after a signal, with status 0. A call that hangs in these tests
// would last for a minute or longer.
func (p *process) wantEnd(t *testing.T, says ...string) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(patience / 2):
		t.Fatal("the process goes on")
	}
	if status := p.cmd.ProcessState.ExitCode(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	for _, want := range says {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q is not in the log: %s", want, p.stderr)
		}
	}
}

// ask sends bytes to a URL's host and neither reads nor closes until the test ends.
func ask(t *testing.T, site, bytes string) net.Conn {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprint(conn, bytes); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Clients that read nothing or say nothing do not hold up the end, and the folder is
// free after it, with all that was acknowledged.
func TestEndWhileClientsHang(t *testing.T) {
	dir := t.TempDir()
	p := startServe(t, dir, "--shutdown-timeout", briefly)
	torrent := torrenttest.Bencode(torrenttest.Dict{"comment": strings.Repeat("c", 9_900_000), "info": torrenttest.Dict{
		"name": "n", "piece length": 16384, "pieces": strings.Repeat("x", 20), "length": 1}})
	if _, refusal := uploadForm(t, &doors{http: p.http}, torrent); refusal != "" {
		t.Fatal(refusal)
	}
	for _, path := range []string{"torrent/" + infoHash(torrent) + ".torrent", "v1/torrents/" + infoHash(torrent)} {
		conn := ask(t, p.http, "GET /"+path+" HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n")
		if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun
			t.Fatal(err)
		}
	}
	mute := ask(t, "http://"+p.grpc, "PRI * HTTP/2.0\r\n")
	if _, err := mute.Read(make([]byte, 1)); err != nil { // the server waits for the rest
		t.Fatal(err)
	}
	beginUpload(t, p, torrenttest.V1("never finished"))
	p.wantEnd(t, "cut off", "uploads=1")
	wantStored(t, startServe(t, dir), torrent)
}

func TestEndWhileTheBackendHangs(t *testing.T) {
	begun := make(chan struct{}, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		if method, _ := grpc.MethodFromServerStream(stream); strings.HasSuffix(method, "/DescribeTorrent") {
			begun <- struct{}{}
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	}))
	grpc_health_v1.RegisterHealthServer(backend, health.NewServer()) // it seems well
	go func() { _ = backend.Serve(l) }()
	t.Cleanup(backend.Stop)
	p := startGateway(t, &process{grpc: l.Addr().String()}, "--shutdown-timeout", briefly)
	ask(t, p.http, "GET /v1/torrents/"+strings.Repeat("ab", 20)+"/info HTTP/1.1\r\nHost: x\r\n\r\n")
	await(t, begun, "the call")
	p.wantEnd(t, "cut off", "HTTP")
}

// A bucket that answers no more holds up its readers and the closing of the store, but not the end
// of the process.
func TestEndWhileTheBucketHangs(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket("torrents"); err != nil {
		t.Fatal(err)
	}
	inner := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	var hangs atomic.Bool
	begun := make(chan struct{})
	var once sync.Once
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hangs.Load() {
			inner.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodGet && strings.Contains(strings.ToLower(r.URL.Path), strings.Repeat("ab", 10)) {
			once.Do(func() { close(begun) })
		}
		<-r.Context().Done()
	}))
	t.Cleanup(engine.Close)
	bucket := &fakeBucket{location: "s3://torrents/cache?endpoint=" + url.QueryEscape(engine.URL), engine: engine}
	p := bucket.serve(t, "--shutdown-timeout", briefly)
	hangs.Store(true)
	ask(t, p.http, "GET /v1/torrents/"+strings.Repeat("ab", 20)+"/info HTTP/1.1\r\nHost: x\r\n\r\n")
	await(t, begun, "a request to the bucket")
	p.wantEnd(t, "cut off", "before all was closed")
}
