package front

import (
	"context"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// keyPath begins the paths that carry a key, for scripts in which nothing but the
// server's name can be changed: /k/KEY/autoupload.php.
const keyPath = "/k/"

type prefixKey struct{}

// Prefix returns the part that the front removed from the path of r, such as /k/KEY;
// "" if nothing.
func Prefix(r *http.Request) string {
	prefix, _ := r.Context().Value(prefixKey{}).(string)
	return prefix
}

// withKeys returns next with the key in a path /k/KEY/... moved into the header
// Authorization, whose value it replaces. Next sees the rest of the path, so nothing that logs
// or counts paths ever sees the key.
func (m *Mux) withKeys(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, rest, ok := m.cutKey(r.URL.Path); ok {
			r = withKey(r, key, rest)
		}
		next.ServeHTTP(w, r)
	})
}

// cutKey returns the key in a path, and the path behind it, which begins with a slash. The first
// segment of a route is no key: a script whose key is empty asks for /k//autoupload.php. An
// empty key counts as a key, too: it is wrong, and its sender is told so.
func (m *Mux) cutKey(path string) (key, rest string, ok bool) {
	tail, ok := strings.CutPrefix(mergeSlashes(path), keyPath)
	if !ok {
		return "", "", false
	}
	key, rest, _ = strings.Cut(tail, "/")
	if key != "" && m.roots[key] {
		return "", "/" + tail, true
	}
	return key, "/" + rest, true
}

// withKey returns r for path rest with key in its header.
func withKey(r *http.Request, key, rest string) *http.Request {
	inner := withPath(r.WithContext(context.WithValue(r.Context(), prefixKey{}, keyPath+key)), rest)
	inner.RequestURI = inner.URL.RequestURI()
	inner.Header = r.Header.Clone()
	inner.Header.Set("Authorization", "Bearer "+key)
	return inner
}

// keyKnown returns next for requests whose path carries no key or a known one. It refuses an
// unknown key even where no key is needed: a caller that tries a key must be told that it is
// wrong.
func (o *Options) keyKnown(rt *Route, next http.Handler) http.Handler {
	if o.Identify == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Prefix(r) != "" {
			if _, err := o.Identify(httpx.Credentials(r)); err != nil {
				rt.turnAway(w, r, reason.Of(err))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// sameSite returns next with no rights for another site's page from the credentials that a
// browser sends unasked, unless that site may post. A password for Basic is refused, and address
// and certificate give no rights (see [access.WithOtherSite]).
func (rt *Route) sameSite(next http.Handler) http.Handler {
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origins.Check(r) == nil || rt.Sites.names(r) {
			next.ServeHTTP(w, r)
			return
		}
		if isBasic(r.Header.Get("Authorization")) {
			rt.turnAway(w, r, reason.New(reason.PermissionDenied,
				"another site's page sent this with a password that the browser remembers; send Authorization: Bearer KEY"))
			return
		}
		next.ServeHTTP(w, r.WithContext(access.WithOtherSite(r.Context())))
	})
}

func isBasic(authorization string) bool {
	scheme, _, _ := strings.Cut(authorization, " ")
	return strings.EqualFold(scheme, "basic")
}
