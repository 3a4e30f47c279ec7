package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// elsewhere is another cache, by HTTP.
type elsewhere struct {
	*httptest.Server

	mu     sync.Mutex
	answer map[string]http.HandlerFunc // by info hash; else 404
	asked  []string
}

func newElsewhere(t *testing.T) *elsewhere {
	e := &elsewhere{answer: map[string]http.HandlerFunc{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash := strings.TrimPrefix(r.URL.Path, "/")
		e.mu.Lock()
		e.asked = append(e.asked, hash)
		answer := e.answer[hash]
		e.mu.Unlock()
		if answer == nil {
			answer = http.NotFound
		}
		answer(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

// has makes the cache have a torrent.
func (e *elsewhere) has(t *testing.T, torrent []byte) string {
	t.Helper()
	return e.says(t, torrent, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(torrent) })
}

// says makes the cache answer so when it is asked for a torrent.
func (e *elsewhere) says(t *testing.T, torrent []byte, answer http.HandlerFunc) string {
	t.Helper()
	hash := parse(t, torrent).IDs().Primary().String()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer[hash] = answer
	return hash
}

// wantAsked fails unless the cache was asked for exactly these hashes since the last call.
func (e *elsewhere) wantAsked(t *testing.T, hashes ...string) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if got, want := strings.Join(e.asked, " "), strings.Join(hashes, " "); got != want {
		t.Errorf("the upstream was asked for %q, want %q", got, want)
	}
	e.asked = nil
}

// overUpstream runs test against servers that ask e.
func overUpstream(t *testing.T, settings limit.Settings, change func(*servertest.Options), test func(t *testing.T, h *servertest.Harness, e *elsewhere, u *upstream.Upstreams)) {
	t.Helper()
	for name, connect := range servertest.Both() {
		t.Run(name, func(t *testing.T) {
			e := newElsewhere(t)
			locations, _, err := upstream.ParseAll([]string{e.URL + "/{HASH}"})
			if err != nil {
				t.Fatal(err)
			}
			limits := limit.New(settings)
			u, err := upstream.New(upstream.Options{
				Locations: locations, MaxTorrentSize: servertest.MaxSize, Wait: time.Minute, AtOnce: 4, Limits: limits, Version: "v1.2.3",
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(u.Close)
			test(t, servertest.New(t, connect, func(o *servertest.Options) {
				change(o)
				o.Limits, o.Upstreams = limits, u
			}), e, u)
		})
	}
}

func nothing(*servertest.Options) {}

// wantState fails unless err says that a torrent is not found, and that of the upstreams.
func wantState(t *testing.T, err error, state string) {
	t.Helper()
	s := status.Convert(err)
	got, retry := "no ErrorInfo", false
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			got = d.GetMetadata()["upstreams"]
		case *errdetails.RetryInfo:
			retry = true
		}
	}
	if s.Code() != codes.NotFound || got != state || retry == (state == "absent") {
		t.Errorf("%v, upstreams %q, to try again: %v; want NOT_FOUND and %q", err, got, retry, state)
	}
}
