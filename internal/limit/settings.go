package limit

import (
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// Settings are the limits. A number of 0 is no limit.
type Settings struct {
	// TrustedWriters are exempt from everything that is by address, and from the
	// budget of new bytes.
	TrustedWriters origin.Networks
	// TrustedProxies are exempt from ConnectionsPerAddress and from an address's half of the
	// memory: their connections are other people's.
	TrustedProxies origin.Networks

	Connections, ConnectionsPerAddress int // open at a time
	Uploads, UploadsPerAddress         int // under way at a time
	Streams, StreamsPerAddress         int // CacheTorrents and SyncService, open at a time

	UploadRate    float64 // uploads a second of an address
	KeyUploadRate float64 // uploads a second of a caller that has a name
	DownloadRate  float64 // downloads and calls that read a second of an address
	UpstreamRate  float64 // torrents that other caches are asked for a second for an address

	HourlyBytes, DailyBytes int64 // new bytes of an address whose caller is anonymous

	// Memory is what everything that callers do may take, in bytes; UploadMemory is the
	// part of it that uploads may take at most, ConnectionMemory the part that is kept for
	// connections and calls. See the package's comment.
	Memory, UploadMemory, ConnectionMemory int64
	// Wait is how long an upload may wait for memory.
	Wait time.Duration
	// BodyTime is how long an upload may take to arrive.
	BodyTime time.Duration
}

// exempt reports whether limits by address do not hold for the caller.
func (s *Settings) exempt(c Caller) bool { return s.TrustedWriters.Contains(c.Addr) }
