//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// Three servers are each other's upstreams in a ring, by HTTP and gRPC. A server finds the
// torrents of the next one, and no server is asked twice for a torrent that none has.
func TestUpstreamRing(t *testing.T) {
	t.Parallel()
	var ring [3]*server
	for i := range ring {
		ring[i] = &server{HTTP: freeAddress(t), GRPC: freeAddress(t), Admin: freeAddress(t), DataDir: t.TempDir()}
	}
	for i, s := range ring {
		next := ring[(i+1)%3]
		upstream := "http://" + next.HTTP + "/torrent/{hash}.torrent"
		if i == 1 {
			upstream = "grpc://" + next.GRPC
		}
		s.start(t, []string{"serve", "--http-addr", s.HTTP, "--grpc-addr", s.GRPC, "--admin-addr", s.Admin, "--data-dir", s.DataDir, "--missing-max-age", "1h", "--upstream", upstream})
	}
	for i, s := range ring {
		torrent := torrenttest.Hybrid(fmt.Sprint("of ", i))
		ring[(i+1)%3].put(t, torrent)
		if resp, body := s.downloadAs(t, http.MethodHead, v1Hash(t, torrent)); resp.StatusCode != http.StatusOK || len(body) != 0 {
			t.Errorf("HEAD: %s", resp.Status)
		}
		s.wantAnswer(t, torrent, "")
	}
	nobodys := torrenttest.V1("nobody's")
	for _, s := range ring {
		s.wantAnswer(t, nobodys, "absent")
	}
	for _, s := range ring {
		if found, absent := s.asked(t, "found"), s.asked(t, "absent"); found != 1 || absent != 1 {
			t.Errorf("found %d, absent %d; want one of each", found, absent)
		}
	}
}

// put uploads a torrent to the server.
func (s *server) put(t *testing.T, torrent []byte) {
	t.Helper()
	resp, err := http.Post("http://"+s.HTTP+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(torrent))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
}

// An edge passes a miss on to the server that has upstreams. A thousand readers cause one request
// to an upstream.
func TestUpstreamIsAskedOnce(t *testing.T) {
	t.Parallel()
	torrents := [][]byte{torrenttest.V1("at the server"), torrenttest.V1("at an edge")}
	var asked atomic.Int64
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("CDN-Loop") != "torrentcache" || !strings.HasPrefix(r.UserAgent(), "torrentcache/") || r.Header.Get("X-Forwarded-For") != "" {
			t.Errorf("the header of the request: %v", r.Header)
		}
		asked.Add(1)
		select { // let all other readers arrive
		case <-time.After(500 * time.Millisecond):
		case <-r.Context().Done():
		}
		for _, torrent := range torrents {
			if strings.Contains(r.URL.Path, v1Hash(t, torrent)) {
				_, _ = w.Write(torrent)
			}
		}
	}))
	defer cache.Close()
	s := startServer(t, "--upstream", cache.URL+"/{HASH}", "--connections-per-address", "0", "--max-connections", "5000")
	edge := &server{HTTP: freeAddress(t), Admin: freeAddress(t)}
	edge.start(t, []string{"gateway", "--backend", s.GRPC, "--http-addr", edge.HTTP, "--admin-addr", edge.Admin, "--connections-per-address", "0", "--max-connections", "5000"})
	for i, at := range []*server{s, edge} {
		asked.Store(0)
		var readers sync.WaitGroup
		for range 1000 {
			readers.Go(func() {
				if resp, body := at.download(t, v1Hash(t, torrents[i])); resp.StatusCode != http.StatusOK || !bytes.Equal(body, torrents[i]) {
					t.Errorf("%s, %d bytes", resp.Status, len(body))
				}
			})
		}
		readers.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("the upstream was asked %d times", n)
		}
	}
}

// An upstream that is killed while it answers causes a 404 at most.
func TestUpstreamKilledInFlight(t *testing.T) {
	t.Parallel()
	torrent := torrenttest.Random(7, 5_000_000)
	hash := v1Hash(t, torrent)
	second := startServer(t)
	second.put(t, torrent)
	asked := make(chan net.Conn, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n")
		_, _ = c.Write(torrent[:1_000_000])
		asked <- c
	}()
	s := startServer(t, "--upstream", "http://"+l.Addr().String()+"/{HASH}", "--upstream", "grpc://"+second.GRPC)
	go func() {
		c := <-asked
		_ = c.(*net.TCPConn).SetLinger(0) // reset the connection, as the kernel does for a killed process
		_ = c.Close()
		_ = l.Close()
	}()
	if resp, body := s.download(t, hash); resp.StatusCode != http.StatusOK || !bytes.Equal(body, torrent) {
		t.Errorf("the next upstream has it, and the answer is %s", resp.Status)
	}
	_ = second.stop(t, syscall.SIGKILL)
	other := torrenttest.V1("other")
	s.wantAnswer(t, other, "failed")
	s.wantAnswer(t, torrent, "")
}

// The name of an upstream must resolve to public addresses, unless the operator allows others.
func TestUpstreamByName(t *testing.T) {
	t.Parallel()
	torrent := torrenttest.V1("a")
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(torrent) }))
	defer cache.Close()
	named := strings.Replace(cache.URL, "127.0.0.1", "localhost", 1) + "/{HASH}"
	s := startServer(t, "--upstream", named)
	s.wantAnswer(t, torrent, "failed")
	if n := s.asked(t, "address"); n != 1 {
		t.Errorf("%d refusals of an address are counted", n)
	}
	startServer(t, "--upstream", named, "--upstream-local-addresses").wantAnswer(t, torrent, "")
}
