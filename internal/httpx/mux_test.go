package httpx_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/torrentcache/torrentcache/internal/httpx"
)

func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) })
}

func TestMuxNeverRedirects(t *testing.T) {
	mux := httpx.NewMux(named("rest"))
	mux.Handle("/autoupload.php", named("form"))
	mux.Handle("/api/index.php", named("soap"))
	for path, want := range map[string]string{
		"/autoupload.php":       "form",
		"//autoupload.php":      "form",
		"/api//index.php":       "soap",
		"///api///index.php":    "soap",
		"/api/index.php/":       "rest",
		"/api/../api/index.php": "rest",
		"/":                     "rest",
		"/torrent/x":            "rest",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "http://h/", nil)
		r.URL.Path = path
		mux.ServeHTTP(w, r)
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", path, w.Code, w.Body, want)
		}
	}
}

func TestMethods(t *testing.T) {
	handler := named("x").ServeHTTP
	for _, c := range []struct {
		methods httpx.Methods
		allow   string
	}{
		{httpx.Methods{Get: handler}, "GET, HEAD"},
		{httpx.Methods{Post: handler}, "POST"},
		{httpx.Methods{Get: handler, Post: handler}, "GET, HEAD, POST"},
	} {
		if got := c.methods.Allow(); got != c.allow {
			t.Errorf("Allow %q, want %q", got, c.allow)
		}
		for _, method := range []string{"GET", "HEAD"} {
			if (c.methods.Find(method) != nil) != (c.methods.Get != nil) {
				t.Errorf("%s with Allow %q", method, c.allow)
			}
		}
		if (c.methods.Find("POST") != nil) != (c.methods.Post != nil) {
			t.Errorf("POST with Allow %q", c.allow)
		}
		if c.methods.Find("DELETE") != nil || c.methods.Find("get") != nil {
			t.Error("a method that is none")
		}
	}
}
