package front_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// newFront serves routes with all layers, and no limits.
func newFront(routes ...front.Route) http.Handler {
	return front.New(front.Options{Routes: routes, Limits: limit.New(limit.Settings{}), Logger: slog.New(slog.DiscardHandler)})
}

// named answers with its name and the info hash in the path.
func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, name, r.PathValue("info_hash")) }
}

func TestPaths(t *testing.T) {
	var routes []front.Route
	for _, pattern := range []string{
		"/...", "/", "/autoupload.php", "/api/index.php", "/v1/...", "/v1/torrents", "/v1/torrents:findMissing",
		"/v1/torrents/{info_hash}", "/v1/torrents/{info_hash}/info", "/v1/torrents/{info_hash}:remove", "/torrent/...",
	} {
		routes = append(routes, front.Route{Pattern: pattern, Any: named(pattern + " ")})
	}
	for path, want := range map[string]string{
		"/":                         "/ ",
		"":                          "404 page not found\n",
		"*":                         "404 page not found\n",
		"//":                        "/ ",
		"/autoupload.php":           "/autoupload.php ",
		"//autoupload.php":          "/autoupload.php ",
		"/api//index.php":           "/api/index.php ",
		"///api///index.php":        "/api/index.php ",
		"/api/index.php/":           "/api/index.php ",
		"/autoupload.php/a/b.php/c": "/autoupload.php ",
		"/autoupload.phpx/":         "/... ",
		"/other.php/autoupload.php": "/... ",
		"/api/../api/index.php":     "/... ",
		"/torrent":                  "/... ",
		"/torrent/":                 "/torrent/... ",
		"/torrent//a/b":             "/torrent/... ",
		"/torrent/../v1/torrents":   "/torrent/... ",
		"/v1":                       "/... ",
		"/v1/":                      "/v1/... ",
		"/v1/torrents":              "/v1/torrents ",
		"/v1//torrents":             "/v1/torrents ",
		"/v1/torrents/":             "/v1/... ",
		"/v1/torrents/AB":           "/v1/torrents/{info_hash} AB",
		"/v1/torrents//AB":          "/v1/torrents/{info_hash} AB",
		"/v1/torrents/AB/":          "/v1/... ",
		"/v1/torrents/info":         "/v1/torrents/{info_hash} info",
		"/v1/torrents/AB/info":      "/v1/torrents/{info_hash}/info AB",
		"/v1/torrents/AB/CD/info":   "/v1/... ",
		"/v1/torrents:findMissing":  "/v1/torrents:findMissing ",
		"/v1/torrents:findMissing/": "/v1/... ",
		"/v1/torrents:other":        "/v1/... ",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "http://h/", nil)
		r.URL.Path = path
		front.NewMux(routes...).ServeHTTP(w, r)
		if w.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", path, w.Code, w.Body, want)
		}
		if r.URL.Path != path {
			t.Errorf("%s: the request was changed", path)
		}
	}
	// When two patterns end alike, the one with the longer end has the path.
	w := httptest.NewRecorder()
	front.NewMux(routes...).ServeHTTP(w, httptest.NewRequest("GET", "/v1/torrents/AB:remove", nil))
	if got := w.Body.String(); got != "/v1/torrents/{info_hash}:remove AB" {
		t.Errorf("a segment with an end of its own: %q", got)
	}
}

func TestMethods(t *testing.T) {
	h := named("x")
	for _, c := range []struct {
		route front.Route
		allow string
	}{
		{front.Route{Get: h}, "GET, HEAD"},
		{front.Route{Post: h}, "POST"},
		{front.Route{Get: h, Post: h}, "GET, HEAD, POST"},
	} {
		c.route.Pattern = "/"
		serve := func(method string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			front.NewMux(c.route).ServeHTTP(w, httptest.NewRequest(method, "/", nil))
			return w
		}
		if got := serve("PUT"); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != c.allow {
			t.Errorf("%d, Allow %q, want %q", got.Code, got.Header().Get("Allow"), c.allow)
		}
		for method, served := range map[string]bool{
			"GET": c.route.Get != nil, "HEAD": c.route.Get != nil, "POST": c.route.Post != nil, "DELETE": false, "get": false,
		} {
			if got := serve(method).Code == http.StatusOK; got != served {
				t.Errorf("%s with Allow %q: served %t", method, c.allow, got)
			}
		}
	}
	any := front.NewMux(front.Route{Pattern: "/", Get: h, Any: named("any")})
	w := httptest.NewRecorder()
	any.ServeHTTP(w, httptest.NewRequest("PUT", "/", nil))
	if w.Code != http.StatusOK || w.Body.String() != "any" {
		t.Errorf("what serves any method: %d %s", w.Code, w.Body)
	}
}

// Each row of the real table can be told from the others and says what its layers ask.
func TestRowsAreWhole(t *testing.T) {
	patterns := map[string]bool{}
	for _, rt := range realRoutes(t) {
		switch {
		case patterns[rt.Pattern]:
			t.Errorf("%s: two rows", rt.Pattern)
		case !slices.Contains([]string{"api", "download", "form", "soap", "page", "health"}, rt.Door):
			t.Errorf("%s: door %q", rt.Pattern, rt.Door)
		case rt.Get == nil && rt.Post == nil && rt.Any == nil:
			t.Errorf("%s: nothing serves it", rt.Pattern)
		}
		patterns[rt.Pattern] = true
	}
}
