package budget

import (
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// leastConnections is how many there may be however little memory there is.
const leastConnections = 256

// Limits returns the limits that cfg asks for, with the memory that callers may take.
func (m Memory) Limits(cfg config.Doors) limit.Settings {
	s := limit.Settings{
		TrustedWriters: cfg.TrustedWriters, TrustedProxies: cfg.TrustedProxies,
		Connections: cfg.MaxConnections, ConnectionsPerAddress: cfg.ConnectionsPerAddress,
		Uploads: cfg.MaxUploads, UploadsPerAddress: cfg.UploadsPerAddress,
		Streams: cfg.MaxStreams, StreamsPerAddress: cfg.StreamsPerAddress,
		UploadRate: cfg.UploadRate, KeyUploadRate: cfg.KeyUploadRate, DownloadRate: cfg.DownloadRate, UpstreamRate: cfg.UpstreamRate,
		HourlyBytes: int64(cfg.HourlyNewBytes), DailyBytes: int64(cfg.DailyNewBytes),
		Memory: m.budget(), Wait: cfg.UploadWait, BodyTime: cfg.BodyTimeout,
	}
	s.UploadMemory = s.Memory / 2
	s.ConnectionMemory = min(m.limit/connectionShare, s.Memory/4)
	if s.Connections == 0 {
		s.Connections = max(leastConnections, int(min(s.ConnectionMemory/limit.HTTPConnection, connectionsIn(openFiles()))))
	}
	// More connections, if they are asked for, take it from uploads and answers, but for a quarter.
	asked := int64(s.Connections) * limit.HTTPConnection
	s.ConnectionMemory = max(s.ConnectionMemory, min(asked, s.Memory/4*3))
	return s
}
