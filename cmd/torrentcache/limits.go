package main

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

// leastConnections is how many there may be however little memory there is.
const leastConnections = 256

// limitSettings are the limits that cfg asks for.
func (h *house) limitSettings(cfg config.Doors) limit.Settings {
	s := limit.Settings{
		TrustedWriters: cfg.TrustedWriters, TrustedProxies: cfg.TrustedProxies,
		Connections: cfg.MaxConnections, ConnectionsPerAddress: cfg.ConnectionsPerAddress,
		Uploads: cfg.MaxUploads, UploadsPerAddress: cfg.UploadsPerAddress,
		Streams: cfg.MaxStreams, StreamsPerAddress: cfg.StreamsPerAddress,
		UploadRate: cfg.UploadRate, KeyUploadRate: cfg.KeyUploadRate, DownloadRate: cfg.DownloadRate,
		HourlyBytes: int64(cfg.HourlyNewBytes), DailyBytes: int64(cfg.DailyNewBytes),
		Memory: h.memory.budget(), Wait: cfg.UploadWait, BodyTime: cfg.BodyTimeout,
	}
	s.UploadMemory = s.Memory / 2
	s.ConnectionMemory = min(h.memory.limit/connectionShare, s.Memory/4)
	if s.Connections == 0 {
		s.Connections = max(leastConnections, int(min(s.ConnectionMemory/limit.HTTPConnection, openFiles()/4*3)))
	}
	// Who asks for more connections takes it from uploads and answers, but for a quarter.
	asked := int64(s.Connections) * limit.HTTPConnection
	s.ConnectionMemory = max(s.ConnectionMemory, min(asked, s.Memory/4*3))
	return s
}

// addLimits puts the limits in force.
func (h *house) addLimits() {
	h.limits = limit.New(h.limitSettings(h.cfg))
	h.metrics.WatchLimits(func() telemetry.LimitStats { return telemetry.LimitStats(h.limits.Stats()) })
	h.reloads.On("limits", func(cfg config.Doors) error {
		h.limits.Set(h.limitSettings(cfg))
		return nil
	}, "trusted-writers", "max-connections", "connections-per-address", "max-uploads", "uploads-per-address",
		"max-streams", "streams-per-address", "upload-rate", "key-upload-rate", "download-rate",
		"new-bytes-per-hour", "new-bytes-per-day", "upload-wait", "body-timeout")
}

// watchLimits has the limits cut off what is too slow, until ctx ends.
func (h *house) watchLimits(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.limits.Tick(now)
		case <-ctx.Done():
			return
		}
	}
}

// unlimited is a source of the fast path for as long as downloads have no rate:
// it knows no addresses.
type unlimited struct {
	source fastpath.Source // not embedded: what it may get in addition has to be held back, too
	limits *limit.Limits
}

// Answer implements [fastpath.Source].
func (u unlimited) Answer(id infohash.ID, hold *limit.Hold) *fastpath.Answer {
	if u.limits.DownloadsLimited() {
		return nil
	}
	return u.source.Answer(id, hold)
}
