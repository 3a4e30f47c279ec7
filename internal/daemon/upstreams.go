package daemon

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/upstream"
)

// addUpstreams adds the caches that --upstream names, if any.
func (d *daemon) addUpstreams(cfg config.Serve) error {
	addresses := cfg.Upstreams.Upstreams
	if len(addresses) == 0 {
		return nil
	}
	locations, which, err := upstream.ParseAll(addresses)
	if err != nil {
		return fmt.Errorf("--upstream %s: %w", config.Redact(addresses[which]), err)
	}
	d.upstreams, err = upstream.New(upstream.Options{
		Locations:      locations,
		MaxTorrentSize: int64(cfg.MaxTorrentSize),
		Wait:           cfg.UpstreamWait,
		AtOnce:         cfg.UpstreamFetches,
		LocalAddresses: cfg.UpstreamLocalAddresses,
		Limits:         d.limits,
		Version:        buildinfo.Read().Version,
		Key:            d.upstreamKey,
		Observe:        d.metrics.Upstreams(),
		Logger:         d.logger,
	})
	if err != nil {
		return fmt.Errorf("--upstream %w", err)
	}
	d.metrics.WatchUpstreams(d.upstreamsReachable, d.upstreamsMissed)
	return nil
}

func (d *daemon) upstreamKey(l upstream.Location) (func() string, error) {
	return d.keyIn(l.TokenFile, "token-file", "key for the upstream "+l.Name)
}

func (d *daemon) upstreamsReachable() map[string]bool {
	reachable := map[string]bool{}
	for _, u := range d.upstreams.Stats() {
		reachable[u.Name] = !u.Away
	}
	return reachable
}

func (d *daemon) upstreamsMissed() map[string]int64 {
	missed := map[string]int64{}
	for state, n := range d.upstreams.Missed() {
		missed[string(state)] = n
	}
	return missed
}

// withProxyWarning returns next. If there are upstreams, it warns the operator, once, of a proxy
// that --trusted-proxies does not name: all clients behind it share the rate of one address.
func (d *daemon) withProxyWarning(next http.Handler) http.Handler {
	if d.upstreams == nil {
		return next
	}
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded := len(r.Header["X-Forwarded-For"]) > 0 || len(r.Header["Forwarded"]) > 0
		if forwarded && !d.cfg.TrustedProxies.Contains(origin.Peer(r.RemoteAddr)) {
			once.Do(func() {
				d.logger.Warn("a request has X-Forwarded-For or Forwarded, and comes from an address that --trusted-proxies does not name: if that is a proxy or CDN, all its readers share one --upstream-rate; name it")
			})
		}
		next.ServeHTTP(w, r)
	})
}
