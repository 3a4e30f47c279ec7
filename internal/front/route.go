package front

import (
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Route is a row of the table: one path, or a family of paths.
type Route struct {
	// Door names the door in the metrics. It has few values.
	Door string

	// Pattern is a path (/lookup), a path in which {name} is one segment or a part of it
	// (/v1/torrents/{info_hash}, for [http.Request.PathValue]), or a path that ends in /...
	// for everything below it. If several kinds match a path, the first of them wins; within
	// the last kind the longest pattern wins.
	Pattern string

	// Reads says that requests read torrents, which the rate of downloads bounds.
	Reads bool

	// Asks says that a POST is a question and no upload.
	Asks bool

	// Get serves GET and HEAD, for which net/http leaves the body out. Post serves POST,
	// for which callers need the role write, unless the route Asks. Any serves the other
	// methods. Requests that none of them serves are METHOD_NOT_ALLOWED.
	Get, Post, Any http.HandlerFunc

	// Sites are the other sites whose pages may read the row's answers. Nil: none.
	Sites *Sites

	// Refuse writes an error in the way of the door. Nil: [RefuseText].
	Refuse Refusal
}

// Refusal answers a request with an error, and tells the reason by [outcome.Refused]. The
// header Allow is set before a METHOD_NOT_ALLOWED.
type Refusal func(w http.ResponseWriter, r *http.Request, e *reason.Error)

// RefuseJSON is the [Refusal] of doors that speak JSON.
func RefuseJSON(w http.ResponseWriter, _ *http.Request, e *reason.Error) {
	httpx.WriteJSONError(w, e)
}

// RefuseText is the [Refusal] of doors that speak plain text. Its status is that of
// downloads.
func RefuseText(w http.ResponseWriter, _ *http.Request, e *reason.Error) {
	outcome.Refused(w, e)
	httpx.SetRetryAfter(w.Header(), e)
	httpx.WriteTextError(w, e.Reason.Answer().Download, e.LegacyText()+"\n")
}

// ServeHTTP serves r by the handler of its method.
func (rt *Route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rt.preflight(w, r) {
		return
	}
	if handle := rt.handler(r.Method); handle != nil {
		handle(w, r)
		return
	}
	allow := rt.allow()
	w.Header().Set("Allow", allow)
	rt.Refuse(w, r, reason.New(reason.MethodNotAllowed, "%s is not for this path: use %s", r.Method, allow))
}

func (rt *Route) handler(method string) http.HandlerFunc {
	switch {
	case rt.Get != nil && (method == http.MethodGet || method == http.MethodHead):
		return rt.Get
	case rt.Post != nil && method == http.MethodPost:
		return rt.Post
	}
	return rt.Any
}

// allow returns the value of the header Allow (RFC 9110, section 10.2.1).
func (rt *Route) allow() string {
	var allowed []string
	if rt.Get != nil {
		allowed = append(allowed, http.MethodGet, http.MethodHead)
	}
	if rt.Post != nil {
		allowed = append(allowed, http.MethodPost)
	}
	return strings.Join(allowed, ", ")
}

// turnAway refuses a request whose body, if it has one, no handler has read. Clients that
// write everything before they read would miss the answer if the body were not read.
func (rt *Route) turnAway(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	if r.ContentLength != 0 {
		httpx.Drain(w, r)
	}
	rt.Refuse(w, r, e)
}
