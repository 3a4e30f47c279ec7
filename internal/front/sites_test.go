package front_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// friend is the origin of a site that is named, stranger is one that is not.
const (
	friend   = "https://friend.example"
	stranger = "https://stranger.example"
)

// ask sends a request from a page of origin to a row for GET and POST.
func ask(t *testing.T, sites *front.Sites, method, origin string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	h := func(w http.ResponseWriter, _ *http.Request) { w.Header().Add("Vary", "Accept") }
	r := httptest.NewRequest(method, "/x", nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	newFront(front.Route{Pattern: "/x", Get: h, Post: h, Sites: sites}).ServeHTTP(w, r)
	if w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%s from %s: credentials are let in", method, origin)
	}
	return w
}

func sitesOf(open bool, named ...string) *front.Sites {
	return &front.Sites{Named: named, Open: func() bool { return open }}
}

func TestOtherSites(t *testing.T) {
	for _, c := range []struct {
		name           string
		sites          *front.Sites
		method, origin string
		allow, vary    string // vary is the first one
	}{
		{"nobody", nil, "GET", friend, "", "Accept"},
		{"closed", sitesOf(false), "GET", friend, "", "Accept"},
		{"closed, named", sitesOf(false, friend), "GET", friend, friend, "Origin"},
		{"closed, not named", sitesOf(false, friend), "GET", stranger, "", "Origin"},
		{"open", sitesOf(true), "GET", stranger, "*", "Accept"},
		{"open, HEAD", sitesOf(true), "HEAD", stranger, "*", "Accept"},
		{"open, named", sitesOf(true, friend), "GET", friend, "*", "Accept"},
		{"open, no page", sitesOf(true), "GET", "", "*", "Accept"},
		{"a wrong method", sitesOf(true, friend), "PUT", friend, friend, "Origin"},
		{"post", sitesOf(true), "POST", friend, "", "Accept"},
		{"post, named", sitesOf(true, friend), "POST", friend, friend, "Origin"},
		{"post, not named", sitesOf(true, friend), "POST", stranger, "", "Origin"},
		{"post, null", sitesOf(true, friend), "POST", "null", "", "Origin"},
		{"post, another port", sitesOf(true, friend), "POST", friend + ":8443", "", "Origin"},
		{"post, no page", sitesOf(true, friend), "POST", "", "", "Origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := ask(t, c.sites, c.method, c.origin).Header()
			if got := h.Get("Access-Control-Allow-Origin"); got != c.allow {
				t.Errorf("Access-Control-Allow-Origin %q, want %q", got, c.allow)
			}
			if got := h.Get("Vary"); got != c.vary && c.method != "PUT" {
				t.Errorf("Vary %q, want %q", got, c.vary)
			}
		})
	}
}

// A browser asks before it sends a POST that no form can send.
func TestPreflight(t *testing.T) {
	const asked = "Access-Control-Request-Method"
	sites := sitesOf(true, friend)
	w := ask(t, sites, "OPTIONS", friend, asked, "POST", "Access-Control-Request-Headers", "content-type")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  friend,
		"Access-Control-Allow-Methods": "GET, HEAD, POST",
		"Access-Control-Allow-Headers": "Authorization, Content-Type",
		"Access-Control-Max-Age":       "7200",
		"Vary":                         "Origin",
	} {
		if got := w.Header().Get(name); got != want || w.Code != http.StatusNoContent {
			t.Errorf("%d, %s: %q, want %q", w.Code, name, got, want)
		}
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a site that is not named": ask(t, sites, "OPTIONS", stranger, asked, "POST"),
		"OPTIONS alone":            ask(t, sites, "OPTIONS", friend),
		"no site":                  ask(t, nil, "OPTIONS", friend, asked, "POST"),
	} {
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%s: %d, %v", name, w.Code, w.Header())
		}
	}
}

func TestNamedSitesMayPostWithAPassword(t *testing.T) {
	for origin, want := range map[string]int{friend: http.StatusOK, stranger: http.StatusForbidden} {
		if got := ask(t, sitesOf(true, friend), "POST", origin, "Authorization", "Basic x").Code; got != want {
			t.Errorf("from %s: %d, want %d", origin, got, want)
		}
	}
}

// A page may read why a layer refuses its request.
func TestNamedSitesReadRefusals(t *testing.T) {
	h := front.New(front.Options{
		Routes: []front.Route{{Pattern: "/x", Post: named("x"), Sites: sitesOf(true, friend)}},
		Gate:   access.NewGate(access.New(access.Read, nil)), Limits: limit.New(limit.Settings{}), Logger: slog.New(slog.DiscardHandler),
	})
	r := httptest.NewRequest("POST", "/x", nil)
	r.Header.Set("Origin", friend)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized || w.Header().Get("Access-Control-Allow-Origin") != friend {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
}
