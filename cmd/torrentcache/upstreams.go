package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/buildinfo"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/upstream"
)

// addUpstreams has other caches asked, if --upstream names any.
func (h *house) addUpstreams(cfg config.Serve) error {
	addresses := cfg.Upstreams.Upstreams
	if len(addresses) == 0 {
		return nil
	}
	locations, which, err := upstream.ParseAll(addresses)
	if err != nil {
		return fmt.Errorf("--upstream %s: %w", config.Redact(addresses[which]), err)
	}
	h.upstreams, err = upstream.New(upstream.Options{
		Locations:      locations,
		MaxTorrentSize: int64(cfg.MaxTorrentSize),
		Wait:           cfg.UpstreamWait,
		AtOnce:         cfg.UpstreamFetches,
		LocalAddresses: cfg.UpstreamLocalAddresses,
		Limits:         h.limits,
		Version:        buildinfo.Read().Version,
		Observe:        h.metrics.ObserveUpstream,
		Logger:         h.logger,
	})
	if err != nil {
		return fmt.Errorf("--upstream %w", err)
	}
	h.metrics.WatchUpstreams(h.upstreamsReachable, h.upstreamsMissed)
	return nil
}

func (h *house) upstreamsReachable() map[string]bool {
	reachable := map[string]bool{}
	for _, u := range h.upstreams.Stats() {
		reachable[u.Name] = !u.Away
	}
	return reachable
}

func (h *house) upstreamsMissed() map[string]int64 {
	missed := map[string]int64{}
	for state, n := range h.upstreams.Missed() {
		missed[string(state)] = n
	}
	return missed
}

// withProxyWarning returns next. If upstreams are asked it tells the operator, once, of a proxy
// that is not named: everybody behind it shares the rate of one address.
func (h *house) withProxyWarning(next http.Handler) http.Handler {
	if h.upstreams == nil {
		return next
	}
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded := len(r.Header["X-Forwarded-For"]) > 0 || len(r.Header["Forwarded"]) > 0
		if forwarded && !h.cfg.TrustedProxies.Contains(origin.Peer(r.RemoteAddr)) {
			once.Do(func() {
				h.logger.Warn("a request has X-Forwarded-For or Forwarded, and comes from an address that --trusted-proxies does not name: if that is a proxy or CDN, all its readers share one --upstream-rate; name it")
			})
		}
		next.ServeHTTP(w, r)
	})
}

// upstreamText says what the upstreams did, a line each.
func upstreamText(upstreams []*torrentcachev1.UpstreamStats) string {
	var lines strings.Builder
	for _, u := range upstreams {
		fmt.Fprintf(&lines, "%-22s%s: asked for %s, found %s, absent %s, failed %s", "upstream", u.GetName(),
			progress.Number(u.GetAskedCount()), progress.Number(u.GetFoundCount()), progress.Number(u.GetAbsentCount()), progress.Number(u.GetFailedCount()))
		if !u.GetReachable() {
			lines.WriteString("; it does not answer")
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}

// upstreamFact is a cache behind the server, for programs.
type upstreamFact struct {
	Name      string `json:"name"`
	Asked     int64  `json:"asked"`
	Found     int64  `json:"found"`
	Absent    int64  `json:"absent"`
	Failed    int64  `json:"failed"`
	Reachable bool   `json:"reachable"`
}

func upstreamFacts(upstreams []*torrentcachev1.UpstreamStats) []upstreamFact {
	var all []upstreamFact
	for _, u := range upstreams {
		all = append(all, upstreamFact{u.GetName(), u.GetAskedCount(), u.GetFoundCount(), u.GetAbsentCount(), u.GetFailedCount(), u.GetReachable()})
	}
	return all
}
