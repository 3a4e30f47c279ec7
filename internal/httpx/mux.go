package httpx

import (
	"net/http"
	"strings"
)

// Mux routes by exact path and never redirects. [http.ServeMux] answers a path
// such as //autoupload.php with a redirect to the clean one, and clients from
// 2010 lose their POST over it; here it is served as if it were clean.
//
// Fill it before it serves; after that it is safe for concurrent use.
type Mux struct {
	fallback http.Handler
	exact    map[string]http.Handler
}

// NewMux returns a Mux that gives every path without a handler to fallback.
func NewMux(fallback http.Handler) *Mux {
	return &Mux{fallback: fallback, exact: map[string]http.Handler{}}
}

// Handle makes h serve the path, all methods. The last handler of a path wins.
func (m *Mux) Handle(path string, h http.Handler) { m.exact[path] = h }

// ServeHTTP implements [http.Handler].
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h, ok := m.exact[MergeSlashes(r.URL.Path)]; ok {
		h.ServeHTTP(w, r)
		return
	}
	m.fallback.ServeHTTP(w, r)
}

// MergeSlashes returns path with each run of slashes as one, as the web servers
// of 2010 read it: scripts join a base URL that ends in a slash and a path that
// begins with one.
func MergeSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}
