package limit

// Kind is a limit by which something was refused.
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
	kinds // how many there are
)

var kindNames = [kinds]string{
	"connections", "connections_per_address", "uploads", "uploads_per_address", "streams", "streams_per_address",
	"upload_rate", "download_rate", "new_bytes", "memory", "inflating", "body_time",
	"size", "slow_reader", "upstream_rate",
}

// Stats is what is under way, and what was refused since the start.
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
