package front

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
)

// Mux chooses the route of a request by its path, and never redirects. [http.ServeMux]
// answers a path such as //autoupload.php with a redirect to the clean one, and clients from
// 2010 lose their POST over it. Mux serves such a path like the clean one.
type Mux struct {
	exact map[string]http.Handler
	holes []hole          // patterns with a {name}, those with the longest end first
	trees []tree          // the longest first
	roots map[string]bool // first segments of patterns
}

// hole is a pattern with one {name} in it.
type hole struct {
	before, name, after string
	http.Handler
}

// tree is a pattern that ends in /...; path is the pattern without the dots.
type tree struct {
	path string
	http.Handler
}

// NewMux returns a Mux of routes without the layers of [New]. It answers requests that belong to
// no route with [http.NotFound].
func NewMux(routes ...Route) *Mux {
	return newMux(routes, func(rt *Route) http.Handler { return rt })
}

// newMux returns a Mux that serves each route with the handler that layered makes of it.
func newMux(routes []Route, layered func(*Route) http.Handler) *Mux {
	m := &Mux{exact: map[string]http.Handler{}, roots: map[string]bool{}}
	for _, rt := range routes {
		if rt.Refuse == nil {
			rt.Refuse = RefuseText
		}
		h := layered(&rt)
		if rt.Sites != nil {
			h = rt.Sites.readable(h)
		}
		m.add(rt.Pattern, h)
	}
	slices.SortStableFunc(m.holes, func(a, b hole) int { return cmp.Compare(len(b.after), len(a.after)) })
	slices.SortFunc(m.trees, func(a, b tree) int { return cmp.Compare(len(b.path), len(a.path)) })
	return m
}

func (m *Mux) add(pattern string, h http.Handler) {
	root, _, _ := strings.Cut(strings.TrimPrefix(pattern, "/"), "/")
	m.roots[root] = true
	if path, ok := strings.CutSuffix(pattern, "..."); ok {
		m.trees = append(m.trees, tree{path, h})
		return
	}
	before, rest, ok := strings.Cut(pattern, "{")
	if !ok {
		m.exact[pattern] = h
		return
	}
	name, after, _ := strings.Cut(rest, "}")
	m.holes = append(m.holes, hole{before, name, after, h})
}

// ServeHTTP implements [http.Handler].
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	httpx.SetSecurityHeaders(w.Header())
	if path := mergeSlashes(r.URL.Path); len(path) != len(r.URL.Path) {
		r = withPath(r, path)
	}
	m.find(r).ServeHTTP(w, r)
}

// scriptSuffix ends the paths that name scripts of the original service.
const scriptSuffix = ".php"

// find returns the handler of r's path, and sets the value of its {name}, if it has one.
func (m *Mux) find(r *http.Request) http.Handler {
	path := r.URL.Path
	if h, ok := m.exact[path]; ok {
		return h
	}
	if script, _, found := strings.Cut(path, scriptSuffix+"/"); found { // PHP accepts path info
		if h, ok := m.exact[script+scriptSuffix]; ok {
			return h
		}
	}
	for _, h := range m.holes {
		rest, begins := strings.CutPrefix(path, h.before)
		value, ends := strings.CutSuffix(rest, h.after)
		if begins && ends && value != "" && !strings.Contains(value, "/") {
			r.SetPathValue(h.name, value)
			return h
		}
	}
	for _, t := range m.trees {
		if strings.HasPrefix(path, t.path) {
			return t
		}
	}
	return http.HandlerFunc(http.NotFound)
}

// mergeSlashes returns path with each run of slashes as one, as the web servers of 2010 read
// it: scripts join a base URL that ends in a slash and a path that begins with one.
func mergeSlashes(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

// withPath returns r for another path.
func withPath(r *http.Request, path string) *http.Request {
	inner, u := *r, *r.URL
	u.Path, u.RawPath = path, ""
	inner.URL = &u
	return &inner
}
