package front_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
)

func TestKeyInThePath(t *testing.T) {
	for _, c := range []struct{ target, path, query, authorization, prefix string }{
		{"/k/key/autoupload.php", "/autoupload.php", "", "Bearer key", "/k/key"},
		{"//k//key//api/torrage.wsdl?wsdl", "/api/torrage.wsdl", "wsdl", "Bearer key", "/k/key"},
		{"/k/key", "/", "", "Bearer key", "/k/key"},
		{"/k/key/", "/", "", "Bearer key", "/k/key"},
		{"/k/key/k/other/x", "/k/other/x", "", "Bearer key", "/k/key"},
		{"/k/", "/", "", "Bearer ", "/k/"},
		{"/k//autoupload.php", "/autoupload.php", "", "Bearer ", "/k/"},
		{"/k//api/torrage.wsdl", "/api/torrage.wsdl", "", "Bearer ", "/k/"},
		{"/k/torrent/AB.torrent", "/torrent/AB.torrent", "", "Bearer ", "/k/"},
		{"/k/a%2Fb/x", "/b/x", "", "Bearer a", "/k/a"},
		{"/k", "/k", "", "Basic mine", ""},
		{"/kk/key/x", "/kk/key/x", "", "Basic mine", ""},
		{"/torrent/k/key/x?a=/k/b/", "/torrent/k/key/x", "a=/k/b/", "Basic mine", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		r.Header.Set("Authorization", "Basic mine")
		seen := false
		serve := func(_ http.ResponseWriter, inner *http.Request) {
			seen = true
			if inner.URL.Path != c.path || inner.URL.RawQuery != c.query || inner.Header.Get("Authorization") != c.authorization || front.Prefix(inner) != c.prefix {
				t.Errorf("%s: %s, %q, %q, prefix %q", c.target, inner.URL, inner.Header["Authorization"], inner.RequestURI, front.Prefix(inner))
			}
		}
		newFront(front.Route{Pattern: "/...", Any: serve}, front.Route{Pattern: "/autoupload.php", Any: serve},
			front.Route{Pattern: "/api/torrage.wsdl", Any: serve}, front.Route{Pattern: "/torrent/...", Any: serve},
		).ServeHTTP(httptest.NewRecorder(), r)
		if !seen || r.Header.Get("Authorization") != "Basic mine" {
			t.Errorf("%s: not served, or the request was changed", c.target)
		}
	}
}

func TestPasswordThatABrowserRemembers(t *testing.T) {
	for _, c := range []struct {
		method, authorization, site string
		want                        int
	}{
		{http.MethodPost, "Basic x", "cross-site", http.StatusForbidden},
		{http.MethodPost, "bAsIc x", "cross-site", http.StatusForbidden},
		{http.MethodPost, "Basic x", "same-origin", http.StatusOK},
		{http.MethodPost, "Basic x", "", http.StatusOK},
		{http.MethodPost, "Bearer x", "cross-site", http.StatusOK},
		{http.MethodPost, "", "cross-site", http.StatusOK},
		{http.MethodGet, "Basic x", "cross-site", http.StatusOK},
	} {
		r := httptest.NewRequest(c.method, "/upload.php", nil)
		r.Header.Set("Authorization", c.authorization)
		r.Header.Set("Sec-Fetch-Site", c.site)
		w := httptest.NewRecorder()
		newFront(front.Route{Pattern: "/upload.php", Any: func(http.ResponseWriter, *http.Request) {}}).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}

// guarded serves GET and POST of everything to the callers that are in the keys file.
func guarded(entries ...access.Entry) http.Handler {
	ok := func(http.ResponseWriter, *http.Request) {}
	gate := access.NewGate(access.New(access.Read, entries))
	return front.New(front.Options{
		Routes: []front.Route{{Pattern: "/...", Get: ok, Post: ok}},
		Gate:   gate, Identify: gate.NameOf, Limits: limit.New(limit.Settings{}), Logger: slog.New(slog.DiscardHandler),
	})
}

// A mistyped key must not look as if it worked, on a page that needs none either.
func TestAWrongKeyInThePathIsRefusedEverywhere(t *testing.T) {
	key := access.NewKey()
	h := guarded(access.Entry{Name: "site1", Roles: access.Write, Key: access.DigestOf(key)})
	for target, want := range map[string]int{
		"/":                               http.StatusOK,
		"/k/" + key:                       http.StatusOK,
		"/k/" + key + "/api/torrage.wsdl": http.StatusOK,
		"/k/WRONG":                        http.StatusUnauthorized,
		"/k/WRONG/":                       http.StatusUnauthorized,
		"/k/WRONG/api/torrage.wsdl":       http.StatusUnauthorized,
		"/k/":                             http.StatusUnauthorized,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}

func TestTwoAuthorizationHeadersAreNoKey(t *testing.T) {
	key := access.NewKey()
	h := guarded(access.Entry{Name: "site1", Roles: access.Write, Key: access.DigestOf(key)})
	for n, want := range map[int]int{1: http.StatusOK, 2: http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "/x", nil)
		for range n {
			r.Header.Add("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%d headers: %d, want %d", n, w.Code, want)
		}
	}
}

// httptest's requests come from 192.0.2.1.
func TestARightByTheNetworkIsNotForOtherSites(t *testing.T) {
	h := guarded(access.Entry{Name: "office", Roles: access.Write, Network: netip.MustParsePrefix("192.0.2.0/24")})
	for site, want := range map[string]int{"": http.StatusOK, "same-origin": http.StatusOK, "cross-site": http.StatusForbidden} {
		r := httptest.NewRequest(http.MethodPost, "/upload.php", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || want == http.StatusForbidden && !strings.Contains(w.Body.String(), "nother site's page") {
			t.Errorf("Sec-Fetch-Site %q: %d %s, want %d", site, w.Code, w.Body, want)
		}
	}
}
