package front

import (
	"net/http"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// withMemory returns next with the memory of each request taken from the budget and given
// back when it has been answered.
func (o *Options) withMemory(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		use := limit.Answering
		if r.Method == http.MethodPost {
			use = limit.Uploading
		}
		reserved := o.Limits.Reservation(callerOf(r), use, o.Conn(r))
		defer reserved.Release()
		next.ServeHTTP(w, r.WithContext(limit.WithReservation(r.Context(), reserved)))
	})
}

// limited returns rt with its requests held to the limits. It first refuses callers that may not
// upload, so that their uploads take no room from those of others.
func (o *Options) limited(rt *Route) http.Handler {
	bodies := o.Limits.Bodies(rt)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if rt.Reads {
			err = o.Limits.Download(callerOf(r))
		}
		if err == nil && rt.Post != nil && !rt.Asks && r.Method == http.MethodPost {
			err = o.mayPost(r)
		}
		if err != nil {
			rt.turnAway(w, r, reason.Of(err))
			return
		}
		bodies.ServeHTTP(w, r)
	})
}

// mayPost returns an error that says why the caller may not post, nil if it may. Every POST but
// a question (see [Route]) needs the role of an upload.
func (o *Options) mayPost(r *http.Request) error {
	if o.Gate == nil {
		return nil
	}
	_, err := o.Gate.Decide(httpx.Credentials(r), torrentcachev1.CacheService_CacheTorrent_FullMethodName)
	return err
}

func callerOf(r *http.Request) limit.Caller {
	return limit.Caller{Addr: origin.FromContext(r.Context())}
}
