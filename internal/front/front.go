package front

import (
	"log/slog"
	"net/http"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// Options is what the front is made of.
type Options struct {
	// Routes is the table.
	Routes []Route
	// Proxies are believed when they say which client a request is from.
	Proxies origin.Proxies
	// Gate decides who may post. Nil: everybody, as far as the front is concerned; the
	// server behind a gateway decides.
	Gate *access.Gate
	// Identify returns the name of a caller, "" if nobody knows it; the error is that it shows a
	// key which is none. Nil: nobody looks.
	Identify func(access.Credentials) (name string, err error)
	// Limits bound requests. Required.
	Limits *limit.Limits
	// Conn returns the connection by which a request came; nil if nobody counts it, as a nil
	// Conn says of all.
	Conn func(*http.Request) *limit.Conn
	// Meter measures and logs requests. Nil: nobody does.
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
	h := o.replacingStatus(rt)
	h = o.limited(rt, h)
	h = o.withMemory(h)
	h = o.keyKnown(rt, h)
	h = rt.sameSite(h)
	h = Recover(o.Logger, rt.Refuse, h)
	return o.observed(rt, h)
}

// replacingStatus returns next with the status that the operator wants for removed torrents.
func (o *Options) replacingStatus(next http.Handler) http.Handler {
	if o.RemovedStatus == 0 || o.RemovedStatus == http.StatusGone {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&statusReplacer{w, o.RemovedStatus}, r)
	})
}

// statusReplacer replaces the status 410: nothing but a removed torrent is gone.
type statusReplacer struct {
	http.ResponseWriter
	replacement int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusReplacer) WriteHeader(status int) {
	if status == http.StatusGone {
		status = w.replacement
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the server's own writer.
func (w *statusReplacer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
