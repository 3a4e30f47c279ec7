package httpx

import (
	"context"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// callTime is how long a door waits for the service to answer one call.
const callTime = time.Minute

// leaveTime is how long a read goes on for a client of HTTP/1.1 that net/http takes for gone. The
// client may have closed only its sending side, as scripts over plain sockets do, and nearly every
// read ends within that time.
const leaveTime = time.Second

// CallContext returns the context of a gRPC call on behalf of r, and the function that releases
// it. Its metadata has the credentials in r's headers, the client's address in r's context (see
// [origin.FromContext]), the names in the client's certificate (see [access.CertNames]), and
// whether another site's page (see [access.WithOtherSite]) or another cache (see [origin.Looped])
// sent the request. The other headers are left out.
//
// The call is bounded in time, but does not end with the request: it is better to
// finish an upload whose client has gone. For reads there is [ReadContext].
func CallContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callTime)
	ctx = WithCredentials(ctx, Credentials(r))
	if origin.Looped(r.Header.Values(origin.LoopHeader)) {
		ctx = metadata.AppendToOutgoingContext(ctx, origin.LoopHeader, origin.LoopMark)
	}
	return ctx, cancel
}

// Credentials returns everything in a request that identifies its caller. The request's context
// must have the client's address (see [origin.Proxies.Handler]).
func Credentials(r *http.Request) access.Credentials {
	return access.Credentials{
		Authorization: Authorization(r.Header), Addr: origin.FromContext(r.Context()), CertNames: access.CertNames(r.TLS),
		OtherSite: access.IsOtherSite(r.Context()),
	}
}

// WithCredentials returns the context of a call for a caller with these credentials.
func WithCredentials(ctx context.Context, c access.Credentials) context.Context {
	pairs := []string{"x-forwarded-for", origin.Text(c.Addr)}
	if c.Authorization != "" {
		pairs = append(pairs, "authorization", presentable(c.Authorization))
	}
	for _, name := range c.CertNames {
		pairs = append(pairs, access.CertNamesKey, name)
	}
	if c.OtherSite {
		pairs = append(pairs, access.OtherSiteKey, "1")
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// Authorization returns the credentials in a request's header, "" if there are none. If there
// are two, of which one could be a proxy's, it joins them, so that they match nobody's
// credentials (RFC 9110, section 5.3, allows but one).
func Authorization(h http.Header) string {
	return strings.Join(h.Values("Authorization"), ", ")
}

// ReadContext is CallContext for a call whose only effect is its answer. It ends when
// the client has left, over HTTP/1.1 a second later.
func ReadContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := CallContext(r)
	if r.Method == http.MethodHead {
		ctx = origin.Uncounted(ctx)
	}
	stop := context.AfterFunc(r.Context(), func() {
		if r.ProtoMajor == 1 {
			time.AfterFunc(leaveTime, cancel)
			return
		}
		cancel()
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// presentable returns credentials as a value of gRPC metadata. If they cannot be one, it returns a
// text that is no key: grpc would fail the call otherwise, and without credentials the call would
// count as anonymous.
func presentable(credentials string) string {
	for i := range len(credentials) {
		if credentials[i] < ' ' || credentials[i] > '~' {
			return "not-ascii"
		}
	}
	return credentials
}
