package front_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/torrentcache/torrentcache/internal/front"
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
