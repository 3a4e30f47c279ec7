package daemon

import (
	"context"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/gateway/hotcache"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

// settle is how long after one of several nodes told of a change another node may
// not know it: nodes promise two seconds, and one is for the call under way.
const settle = 3 * time.Second

// addCache adds the hot cache, which hears of changes from the server or, with follow, from the
// backend's feed.
func (d *daemon) addCache(follow bool) (err error) {
	o := hotcache.Options{Size: d.memory.Cache, Follow: follow}
	if follow {
		o.Settle, o.OnLost = settle, d.feedLost
	}
	d.cache, err = hotcache.New(o)
	return err
}

// connectCache puts the hot cache before conn, and before reader if the store is in this
// process. It returns the connection for the doors.
func (d *daemon) connectCache(ctx context.Context, conn grpc.ClientConnInterface, reader hotcache.Reader) grpc.ClientConnInterface {
	d.metrics.WatchCache(d.cacheStats)
	follows := d.cache.Connect(hotcache.Backend{Conn: conn, Reader: reader, MaxStale: d.maxStale, Private: d.private()})
	if follows {
		go d.cache.Follow(ctx)
	}
	return d.cache.Conn(conn)
}

// feedLost tells the operator that every download asks the backend until its feed
// of changes is back.
func (d *daemon) feedLost(err *reason.Error) {
	if err.Reason == reason.Unauthenticated || err.Reason == reason.PermissionDenied {
		d.logger.Error("the backend refuses its feed of changes, without which nothing can be kept: give it a key with the role sync by --backend-token-file, or start the backend with --anonymous read,write,sync", "reason", err.Reason)
		return
	}
	d.logger.Warn("the backend's feed of changes is lost; nothing is answered from the cache until it is back", "reason", err.Reason, "cause", causeOf(err))
}

// causeOf returns why a call to the backend failed, for the operator. It returns the inner cause,
// which a message to clients leaves out, if there is one.
func causeOf(err *reason.Error) string {
	if cause := err.Unwrap(); cause != nil {
		return nodes.Explain(cause)
	}
	return err.Error()
}

// fastPath returns s on l, without TLS, with the fast path of downloads before it.
func (d *daemon) fastPath(s *http.Server, l net.Listener) lifecycle.Server {
	if d.fast == nil {
		return lifecycle.HTTP("HTTP", s, httpx.MendRequests(l))
	}
	fast := fastpath.New(l, s, d.fast)
	return waitingFor(fast, lifecycle.HTTP("HTTP", s, httpx.MendRequests(fast)))
}

// waitingFor returns s with a Stop that also waits for the last answers of fast.
func waitingFor(fast interface{ Wait(context.Context) error }, s lifecycle.Server) lifecycle.Server {
	stop := s.Stop
	s.Stop = func(ctx context.Context) error {
		if err := stop(ctx); err != nil {
			return err
		}
		return fast.Wait(ctx)
	}
	return s
}

// fastPathTLS returns s on l over TLS, with the fast path of downloads before it. The fast path
// handles connections for HTTP/1.1, and requests for HTTP/2.
func (d *daemon) fastPathTLS(s *http.Server, l net.Listener) lifecycle.Server {
	if d.fast == nil {
		return lifecycle.HTTPS("HTTPS", s, l)
	}
	s.Handler = fastpath.NewHandler(s.Handler, d.fast)
	fast := fastpath.NewTLS(l, s, d.fast)
	return waitingFor(fast, lifecycle.HTTP("HTTPS", s, fast))
}

// cacheStats returns the counts for scrapes, which begin when all listeners are there.
func (d *daemon) cacheStats() telemetry.CacheStats {
	c := d.cache.Stats()
	stats := telemetry.CacheStats{Hits: c.Hits, Misses: c.Misses, Entries: c.Entries, Bytes: c.Bytes}
	if d.fast != nil {
		f := d.fast.Stats()
		stats.FastFound, stats.FastAbsent, stats.FastBytes = f.Found, f.Absent, f.Bytes
	}
	return stats
}
