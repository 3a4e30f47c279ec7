//go:build e2e

package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// However many absent torrents one address requests, the server asks upstreams for them only at
// the address's rate, and remembers nothing of the rest.
func TestUpstreamRandomHashes(t *testing.T) {
	t.Parallel()
	n := 20_000
	if longRun() {
		n = 1_000_000
	}
	var asked atomic.Int64
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	defer cache.Close()
	s := startServer(t, "--upstream", cache.URL+"/{HASH}", "--trusted-writers", "none", "--memory-limit", "128MiB")
	begun := time.Now()
	flood(t, s, n)
	took := time.Since(begun)
	if most := int64(took.Seconds()) + 22; asked.Load() > most || asked.Load() < 20 {
		t.Errorf("the upstream was asked %d times in %s, want 20 and one a second", asked.Load(), took)
	}
	if refused := int(s.refused(t, "upstream_rate")); refused < n-int(asked.Load()) {
		t.Errorf("%d of %d are counted as refused", refused, n)
	}
	if rss := s.metric(t, "process_resident_memory_bytes"); rss > 160<<20 {
		t.Errorf("the process takes %.0f MiB", rss/(1<<20))
	}
	t.Logf("%d hashes in %s: asked upstream for %d, resident %.0f MiB", n, took.Round(time.Millisecond), asked.Load(), s.metric(t, "process_resident_memory_bytes")/(1<<20))
}

// flood requests n absent torrents over a few connections.
func flood(t *testing.T, s *server, n int) {
	t.Helper()
	const connections = 8
	var all sync.WaitGroup
	for c := range connections {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for i := c; i < n; i += connections {
				resp, err := client.Get(fmt.Sprintf("http://%s/torrent/%040X.torrent", s.HTTP, i+1))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusNotFound {
					t.Error(resp.Status)
					return
				}
			}
		})
	}
	all.Wait()
}

// While upstreams are silent, cached torrents are served and requests for others get a 404. One
// log line says that the upstreams do not answer, and one that they do again.
func TestUpstreamsHang(t *testing.T) {
	t.Parallel()
	silent, end := context.WithCancel(t.Context())
	cache := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-silent.Done():
		case <-r.Context().Done():
		}
		http.NotFound(w, r)
	}))
	defer cache.Close()
	defer end()
	s := startServer(t, "--upstream", cache.URL+"/{HASH}", "--upstream-wait", "200ms", "--upstream-fetches", "4")
	here := torrenttest.V1("here")
	s.put(t, here)
	for i := range 12 { // more than may be asked for at a time
		s.wantAnswer(t, here, "")
		if resp, _ := s.download(t, fmt.Sprintf("%040X", i+1)); resp.StatusCode != http.StatusNotFound {
			t.Error(resp.Status)
		}
	}
	within(t, "the log tells that it is away", func() bool { return strings.Contains(s.logged(), "an upstream does not answer") })
	s.wantAnswer(t, here, "")
	end()
	within(t, "the log tells that it is back", func() bool {
		s.download(t, fmt.Sprintf("%040X", time.Now().UnixNano()))
		return strings.Contains(s.logged(), "an upstream answers again")
	})
	for _, line := range []string{"an upstream does not answer", "an upstream answers again"} {
		if n := strings.Count(s.logged(), line); n != 1 {
			t.Errorf("the log has %d lines %q", n, line)
		}
	}
}
