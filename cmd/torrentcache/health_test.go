package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/lifecycle"
)

// The health command says by its exit status whether a server can serve, at the admin
// listener and at the public one.
func TestHealth(t *testing.T) {
	p := startServe(t, t.TempDir())
	for _, url := range []string{p.admin, p.http} {
		if status, stdout, stderr := asked(t, url); status != 0 || stdout != "ready\n" {
			t.Errorf("%s: %d, %q, %q", url, status, stdout, stderr)
		}
	}
	p.byOperator(t, 0, "drain")
	if status, _, stderr := asked(t, p.admin); status != 1 || !strings.Contains(stderr, "not ready: starting, draining") {
		t.Errorf("a server that drains: %d, %q", status, stderr)
	}
	p.kill(t)
	if status, _, stderr := asked(t, p.admin); status != 1 || !strings.Contains(stderr, "no torrentcache server answers there") {
		t.Errorf("nobody answers: %d, %q", status, stderr)
	}
}

func TestHealthOfAServerWithoutAStore(t *testing.T) {
	ready := lifecycle.NewReadiness(nil)
	s := httptest.NewServer(http.HandlerFunc(ready.Ready))
	defer s.Close()
	if status, stdout, _ := asked(t, s.URL); status != 1 || stdout != "" {
		t.Errorf("a server that starts: %d, %q", status, stdout)
	}
}

// asked runs the command on the server at url. The environment names a proxy that the command must
// not use.
func asked(t *testing.T, url string) (status int, stdout, stderr string) {
	t.Helper()
	admin := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	return runToEnd(t, []string{"http_proxy=http://127.0.0.1:9", "TORRENTCACHE_ADMIN=" + admin}, "health")
}
