package httpx

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// keyPath begins the paths that carry a key, for scripts in which nothing but the
// server's name can be changed: /k/KEY/autoupload.php.
const keyPath = "/k/"

type prefixKey struct{}

// Prefix returns what [Credentials] took off the path of r, such as /k/KEY; "" if
// nothing.
func Prefix(r *http.Request) string {
	prefix, _ := r.Context().Value(prefixKey{}).(string)
	return prefix
}

// Credentials returns next with the key in a path /k/KEY/... moved into the header
// Authorization, in place of what is there: next sees the rest of the path, and
// nothing behind it that logs or counts paths ever sees the key.
//
// It refuses what another site's page has a browser post with a password (Basic)
// that the browser remembers.
func Credentials(next http.Handler) http.Handler {
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, rest, ok := cutKey(r.URL.Path); ok {
			next.ServeHTTP(w, withKey(r, key, rest))
			return
		}
		if origins.Check(r) != nil && isBasic(r.Header.Get("Authorization")) {
			SetSecurityHeaders(w.Header())
			WriteJSONError(w, reason.New(reason.PermissionDenied,
				"another site's page sent this with a password that the browser remembers; send Authorization: Bearer KEY"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// doors begin the paths of scripts and pages. What is named so is no key: a script
// whose key is empty asks for /k//autoupload.php.
var doors = []string{"api", "autoupload.php", "upload.php", "torrent", "v1"}

// cutKey returns the key in a path, and the path behind it, which begins with a
// slash. An empty key is one, too: it is wrong, and whoever sent it hears so.
func cutKey(path string) (key, rest string, ok bool) {
	tail, ok := strings.CutPrefix(MergeSlashes(path), keyPath)
	if !ok {
		return "", "", false
	}
	key, rest, _ = strings.Cut(tail, "/")
	if slices.Contains(doors, key) {
		return "", "/" + tail, true
	}
	return key, "/" + rest, true
}

// withKey returns r for path rest with key in its header.
func withKey(r *http.Request, key, rest string) *http.Request {
	inner := r.WithContext(context.WithValue(r.Context(), prefixKey{}, keyPath+key))
	u := *r.URL
	u.Path, u.RawPath = rest, ""
	inner.URL, inner.RequestURI = &u, u.RequestURI()
	inner.Header = r.Header.Clone()
	inner.Header.Set("Authorization", "Bearer "+key)
	return inner
}

// RefuseBody makes the first Read of r's body return why. Handlers answer as they do
// to what breaks while it arrives, each in its own way, before anything has been
// read. After that the rest can be read, to be thrown away.
func RefuseBody(r *http.Request, why error) {
	r.Body = &refusedBody{ReadCloser: r.Body, why: why}
}

// refusedBody belongs to the handler's goroutine.
type refusedBody struct {
	io.ReadCloser
	why error // nil once it is told
}

// Read implements [io.Reader].
func (b *refusedBody) Read(p []byte) (int, error) {
	if why := b.why; why != nil {
		b.why = nil
		return 0, why
	}
	return b.ReadCloser.Read(p)
}

func isBasic(authorization string) bool {
	scheme, _, _ := strings.Cut(authorization, " ")
	return strings.EqualFold(scheme, "basic")
}
