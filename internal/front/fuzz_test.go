package front_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/front"
)

// For every path, its key stands in the header Authorization and nowhere else, and key
// and rest together are the path as it was sent.
func FuzzKeyInThePath(f *testing.F) {
	for _, path := range []string{"/k/key/autoupload.php", "//k//key//x", "/k", "/k/", "/k//x", "/k/torrent/AB.torrent", "/k/k/k/k", "/kk/a", "/torrent/k/a"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		sent := "/" + path
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: sent}, Header: http.Header{"Authorization": {"Basic mine"}}}
		serve := func(_ http.ResponseWriter, inner *http.Request) {
			prefix, authorization := front.Prefix(inner), inner.Header["Authorization"]
			merged := sent
			for strings.Contains(merged, "//") {
				merged = strings.ReplaceAll(merged, "//", "/")
			}
			if prefix == "" {
				if !slices.Equal(authorization, []string{"Basic mine"}) || inner.URL.Path != merged {
					t.Errorf("%q without a key: %q, %q", sent, inner.URL.Path, authorization)
				}
				return
			}
			key, ok := strings.CutPrefix(prefix, "/k/")
			if !ok || strings.Contains(key, "/") || !slices.Equal(authorization, []string{"Bearer " + key}) {
				t.Errorf("%q: prefix %q, %q", sent, prefix, authorization)
			}
			if whole := strings.ReplaceAll(prefix+inner.URL.Path, "//", "/"); whole != merged && whole != merged+"/" {
				t.Errorf("%q becomes %q and %q", sent, prefix, inner.URL.Path)
			}
		}
		newFront(front.Route{Pattern: "/...", Any: serve}, front.Route{Pattern: "/torrent/...", Any: serve}).
			ServeHTTP(httptest.NewRecorder(), r)
	})
}
