package front

import (
	"net/http"
	"slices"
)

// Sites says which other sites' pages may read the answers of a row (CORS, the Fetch standard,
// section 3.2). It never lets a browser send the credentials that it remembers of the user. A
// nil *Sites lets no other site read anything.
type Sites struct {
	// Named are the origins, as browsers write them, whose pages may read all answers, and
	// post.
	Named []string
	// Open reports whether every site may read the answers to GET. It is called for each
	// request, because this may change while the process runs. Required.
	Open func() bool
}

const (
	originHeader = "Origin"
	allowOrigin  = "Access-Control-Allow-Origin"

	// preflightAge is how long browsers may keep the answer to a preflight, in seconds: two
	// hours, the longest that all of them take.
	preflightAge = "7200"
)

// names reports whether the origin of r is one of s.Named.
func (s *Sites) names(r *http.Request) bool {
	return s != nil && slices.Contains(s.Named, r.Header.Get(originHeader))
}

// readable returns next with the headers by which browsers let other sites read its answers.
// Answers to GET of an open service are the same for all sites, so that caches keep one.
func (s *Sites) readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		switch reads := r.Method == http.MethodGet || r.Method == http.MethodHead; {
		case reads && s.Open():
			h.Set(allowOrigin, "*")
		case len(s.Named) > 0:
			h.Add("Vary", originHeader)
			if s.names(r) {
				h.Set(allowOrigin, r.Header.Get(originHeader))
			}
		}
		next.ServeHTTP(w, r)
	})
}

// preflight answers r, and returns true, if r is a CORS-preflight: a browser asks which requests
// a page of a named site may send. The header of the answer names the origin already.
func (rt *Route) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || !rt.Sites.names(r) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", rt.allow())
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", preflightAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}
