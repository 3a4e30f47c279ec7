package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

const (
	// uploadShare is the part of the memory limit that uploads in flight take by
	// default, connectionShare that of idle connections.
	uploadShare, connectionShare = 4, 8

	// connectionMemory is what an idle connection takes, in bytes.
	connectionMemory = 32 << 10

	// leastConnections is how many there may be however little memory there is.
	leastConnections = 256
)

// limitSettings are the limits that cfg asks for.
func (h *house) limitSettings(cfg config.Doors) limit.Settings {
	s := limit.Settings{
		TrustedWriters: cfg.TrustedWriters, TrustedProxies: cfg.TrustedProxies,
		Connections: cfg.MaxConnections, ConnectionsPerAddress: cfg.ConnectionsPerAddress,
		Uploads: cfg.MaxUploads, UploadsPerAddress: cfg.UploadsPerAddress,
		Streams: cfg.MaxStreams, StreamsPerAddress: cfg.StreamsPerAddress,
		UploadRate: cfg.UploadRate, KeyUploadRate: cfg.KeyUploadRate, DownloadRate: cfg.DownloadRate,
		HourlyBytes: int64(cfg.HourlyNewBytes), DailyBytes: int64(cfg.DailyNewBytes),
		Memory: int64(cfg.UploadMemory), Wait: cfg.UploadWait, BodyTime: cfg.BodyTimeout,
	}
	if s.Memory == 0 {
		s.Memory = h.memory.limit / uploadShare
	}
	if s.Connections == 0 {
		byMemory := h.memory.limit / connectionShare / connectionMemory
		s.Connections = max(leastConnections, int(min(byMemory, openFiles()/4*3)))
	}
	return s
}

// addLimits puts the limits in force.
func (h *house) addLimits() {
	h.limits = limit.New(h.limitSettings(h.cfg))
	h.metrics.WatchLimits(func() telemetry.LimitStats { return telemetry.LimitStats(h.limits.Stats()) })
	h.short = h.limits.Watch(h.mayBeShort)
	h.onReload("limits", func(cfg config.Doors) error {
		h.limits.Set(h.limitSettings(cfg))
		return nil
	}, "trusted-writers", "max-connections", "connections-per-address", "max-uploads", "uploads-per-address",
		"max-streams", "streams-per-address", "upload-rate", "key-upload-rate", "download-rate",
		"new-bytes-per-hour", "new-bytes-per-day", "upload-memory", "upload-wait", "body-timeout")
}

// mayBeShort reports whether memory may be short.
func (h *house) mayBeShort() bool { return h.memory.ballast.MayBeNear(h.memory.limit) }

// watchLimits tells the limits whether memory is short, and what time it is, until
// ctx ends.
func (h *house) watchLimits(ctx context.Context) {
	const interval = 100 * time.Millisecond // of looking closely, which costs a run of the collector
	var looked time.Time
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	defer h.limits.Press(false)
	for {
		select {
		case <-ticker.C:
			h.limits.Tick()
		case <-h.short:
			if time.Since(looked) < interval {
				continue // nothing is read until the next tick
			}
		case <-ctx.Done():
			return
		}
		near := false
		if h.mayBeShort() {
			near, looked = h.memory.ballast.Near(h.memory.limit), time.Now()
		}
		h.limits.Press(near)
	}
}

// withLimits returns next with its requests held to the limits. What may not be
// uploaded takes no room from what may.
func (h *house) withLimits(next http.Handler) http.Handler {
	bodies := h.writersOnly(h.limits.Bodies(next), next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reads(r) {
			if err := h.limits.Download(limit.Caller{Addr: origin.FromContext(r.Context())}); err != nil {
				writeRefusal(w, r, reason.Of(err))
				return
			}
		}
		bodies.ServeHTTP(w, r)
	})
}

// reads reports whether a request reads torrents, which the rate of downloads bounds.
func reads(r *http.Request) bool {
	path := httpx.MergeSlashes(r.URL.Path)
	switch doorOf(path) {
	case "download":
		return r.Method != http.MethodPost
	case "api":
		return r.Method != http.MethodPost || path == "/v1/torrents:findMissing"
	default:
		return path == "/lookup"
	}
}

func writeRefusal(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	httpx.SetSecurityHeaders(w.Header())
	if strings.HasPrefix(httpx.MergeSlashes(r.URL.Path), "/v1/") {
		httpx.WriteJSONError(w, e)
		return
	}
	httpx.SetRetryAfter(w.Header(), e)
	httpx.WriteTextError(w, e.Reason.Answer().Download, e.LegacyText()+"\n")
}

// unlimited is a source of the fast path for as long as downloads have no rate:
// it knows no addresses.
type unlimited struct {
	source fastpath.Source // not embedded: what it may get in addition has to be held back, too
	limits *limit.Limits
}

// Answer implements [fastpath.Source].
func (u unlimited) Answer(id infohash.ID) *fastpath.Answer {
	if u.limits.DownloadsLimited() {
		return nil
	}
	return u.source.Answer(id)
}

// Load implements [fastpath.Source].
func (u unlimited) Load(id infohash.ID, s *fastpath.Scratch) *fastpath.Answer {
	if u.limits.DownloadsLimited() {
		return nil
	}
	return u.source.Load(id, s)
}
