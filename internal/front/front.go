// Package front is the public HTTP side: one table of routes, and the layers that consult it.
//
// A door (a package that serves paths, such as gateway or soapcompat) lists its paths as
// [Route] values, and [New] makes one handler of all of them. Each route has the same layers
// before its handlers. In the order in which a request meets them:
//
//   - a key in the path moves into the header Authorization;
//   - the client's address is determined;
//   - the path chooses the route, and nothing is ever redirected;
//   - a header of the answer says which other sites' pages may read it;
//   - the request is measured, and reported for the metrics and the access log when it has been
//     answered, with the outcome that the door gave (package outcome);
//   - a panic becomes an answer;
//   - another site's page may not use the credentials that a browser sends unasked: a remembered
//     password, a certificate, an address;
//   - a key in the path has to be known;
//   - memory is taken from the budget, and given back after the answer;
//   - a route that reads is held to the rate of downloads;
//   - a POST that uploads needs the role write, and every body is held to the limits;
//   - the method chooses the handler.
//
// When a layer refuses a request, the route writes the error, so that a script gets it in the
// form of its door: a line of the form, a SOAP answer, JSON, a page.
//
// Everything in the package is safe for concurrent use.
package front

import (
	"log/slog"
	"net/http"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// Options configures the front.
type Options struct {
	// Routes is the table.
	Routes []Route
	// Proxies are believed when they say which client a request is from.
	Proxies origin.Proxies
	// Gate decides which callers may post. Nil: the front lets all of them post, and the
	// server behind a gateway decides.
	Gate *access.Gate
	// Identify returns the name of a caller, "" if it is unknown. It returns an error for a
	// key that does not exist. Nil: keys are not checked here.
	Identify func(access.Credentials) (name string, err error)
	// Limits bound requests. Required.
	Limits *limit.Limits
	// Conn returns the connection by which a request came; nil if the limits do not count it.
	// A nil Conn means that they count none.
	Conn func(*http.Request) *limit.Conn
	// Meter measures and logs requests. Nil: they are not measured.
	Meter Meter
	// RemovedStatus is the status of removed torrents in place of 410. 0: 410.
	RemovedStatus int
	// Logger gets panics. Required.
	Logger *slog.Logger
}

// New returns the handler of all routes, with the layers before them that the package's
// comment lists.
func New(o Options) http.Handler {
	if o.Conn == nil {
		o.Conn = func(*http.Request) *limit.Conn { return nil }
	}
	mux := newMux(o.Routes, o.layered)
	return mux.withKeys(o.Proxies.Handler(mux))
}

// layered returns rt with its layers. The last one here meets a request first.
func (o *Options) layered(rt *Route) http.Handler {
	h := o.withMemory(o.limited(rt))
	h = o.keyKnown(rt, h)
	h = rt.sameSite(h)
	h = Recover(o.Logger, rt.Refuse, h)
	return o.observed(rt, h)
}
