package limit

import (
	"net/netip"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// Settings are the limits. 0 means no limit.
type Settings struct {
	// TrustedWriters are exempt from all limits by address, and from the budget of new
	// bytes.
	TrustedWriters origin.Networks
	// TrustedProxies are exempt from ConnectionsPerAddress and from an address's half of the
	// memory: their connections carry the requests of many clients.
	TrustedProxies origin.Networks

	Connections, ConnectionsPerAddress int // open at a time
	Uploads, UploadsPerAddress         int // under way at a time
	Streams, StreamsPerAddress         int // CacheTorrents and SyncService, open at a time

	UploadRate    float64 // uploads a second of an address
	KeyUploadRate float64 // uploads a second of a caller that has a name
	DownloadRate  float64 // downloads and calls that read a second of an address
	UpstreamRate  float64 // torrents per second requested from other caches for an address

	HourlyBytes, DailyBytes int64 // new bytes of an address whose caller is anonymous

	// Memory is the maximum for the work of all callers, in bytes. UploadMemory is the
	// maximum for uploads within it, and ConnectionMemory the part that is kept for
	// connections and calls. See the package's comment.
	Memory, UploadMemory, ConnectionMemory int64
	// Wait is how long an upload may wait for memory.
	Wait time.Duration
	// BodyTime is how long an upload may take to arrive.
	BodyTime time.Duration
}

// exempt reports whether limits by address do not apply to the caller.
func (s *Settings) exempt(c Caller) bool { return s.TrustedWriters.Contains(c.Addr) }

// Caller is a client as the limits know it.
type Caller struct {
	Addr netip.Addr // the client's; [origin.Unknown] counts as one address
	Name string     // from its key; "" for an anonymous caller
}

// block returns the network by which the books know the caller.
func (c Caller) block() netip.Prefix { return origin.Block(c.Addr) }

// soon is the time after which to try again for a resource that may be free at any moment.
const soon = 5 * time.Second

func busy(format string, args ...any) *reason.Error {
	return reason.New(reason.Overloaded, format, args...).After(soon)
}

func tooMany(after time.Duration, format string, args ...any) *reason.Error {
	return reason.New(reason.RateLimited, format, args...).After(after)
}

// Kind is a limit that refuses work.
type Kind int

// The limits, as the metric names them.
const (
	Connections Kind = iota
	ConnectionsPerAddress
	Uploads
	UploadsPerAddress
	Streams
	StreamsPerAddress
	UploadRate
	DownloadRate
	NewBytes
	Memory
	Inflating
	BodyTime
	Size
	SlowReader
	UpstreamRate
	WantRate
	UnsentChanges
	kinds // how many there are
)

var kindNames = [kinds]string{
	"connections", "connections_per_address", "uploads", "uploads_per_address", "streams", "streams_per_address",
	"upload_rate", "download_rate", "new_bytes", "memory", "inflating", "body_time",
	"size", "slow_reader", "upstream_rate", "want_rate", "unsent_changes",
}

// Stats is the work in progress, and the refusals since the start.
type Stats struct {
	Connections, Uploads, Streams int
	UploadBytes                   int64            // held for uploads in flight
	MemoryBytes                   int64            // held for everything that the budget bounds
	Refused                       map[string]int64 // by limit; every limit is in it
}

// Stats returns the state at this moment.
func (l *Limits) Stats() Stats {
	held := l.memory.inUse()
	s := Stats{
		Connections: l.connections.count(), Uploads: l.uploads.count(), Streams: l.streams.count(),
		UploadBytes: held[Uploading], MemoryBytes: held[Answering] + held[Uploading] + held[Connecting],
		Refused: map[string]int64{},
	}
	for k, name := range kindNames {
		s.Refused[name] = l.refused[k].Load()
	}
	return s
}
