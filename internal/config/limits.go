package config

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// Limits are the bounds on callers. A number of 0 is no limit, unless its flag says
// otherwise.
type Limits struct {
	TrustedProxies origin.Networks
	TrustedWriters origin.Networks

	MaxConnections, ConnectionsPerAddress int // 0 as MaxConnections: as many as memory allows
	MaxUploads, UploadsPerAddress         int
	MaxStreams, StreamsPerAddress         int

	UploadRate, KeyUploadRate, DownloadRate, UpstreamRate float64 // a second
	HourlyNewBytes, DailyNewBytes                         Size

	UploadWait time.Duration

	HeaderTimeout, BodyTimeout, IdleTimeout time.Duration
}

const limitSection = "Limits"

// AddFlags binds the limits that every door enforces to flags, and sets their
// defaults.
func (l *Limits) AddFlags(flags *pflag.FlagSet) {
	addSection(flags, "Clients", l.addClients)
	addSection(flags, limitSection, l.addCounts)
	addSection(flags, "Timeouts", l.addTimeouts)
}

func (l *Limits) addClients(flags *pflag.FlagSet) {
	flags.Var(&l.TrustedProxies, "trusted-proxies", "`networks` of the proxies and gateways, such as 10.0.0.0/8,::1, whose headers X-Forwarded-For or Forwarded (the client's address) and X-Forwarded-Proto and -Host (the requested URL) are believed; those of others are ignored")
	_ = l.TrustedWriters.Set("127.0.0.0/8,::1") // these are networks
	flags.Var(&l.TrustedWriters, "trusted-writers", "`networks` without limits by address and without a budget of new bytes; none is an empty list")
}

func (l *Limits) addCounts(flags *pflag.FlagSet) {
	flags.IntVar(&l.MaxConnections, "max-connections", 0, "maximum connections at a time; 0 is as many as an eighth of --memory-limit and three quarters of the open files allow")
	flags.IntVar(&l.ConnectionsPerAddress, "connections-per-address", 256, "maximum connections at a time from one address")
	flags.IntVar(&l.MaxUploads, "max-uploads", 1024, "maximum uploads at a time")
	flags.IntVar(&l.UploadsPerAddress, "uploads-per-address", 64, "maximum uploads at a time from one address")
	flags.Float64Var(&l.DownloadRate, "download-rate", 0, "maximum downloads and reading calls a second from one address; any limit turns off --fast-path")
	DurationVar(flags, &l.UploadWait, "upload-wait", 5*time.Second, "how long an upload may wait for memory before it is refused")
}

// addCalls adds the limits on calls. The server enforces them no matter how calls
// come: a gateway leaves them to the servers behind it.
func (l *Limits) addCalls(flags *pflag.FlagSet) {
	flags.IntVar(&l.MaxStreams, "max-streams", 256, "maximum streams of CacheTorrents and SyncService at a time")
	flags.IntVar(&l.StreamsPerAddress, "streams-per-address", 16, "maximum such streams at a time from one address")
	flags.Float64Var(&l.UploadRate, "upload-rate", 20, "maximum uploads a second from one address")
	flags.Float64Var(&l.KeyUploadRate, "key-upload-rate", 1000, "maximum uploads a second by one name of --keys-file")
	l.HourlyNewBytes, l.DailyNewBytes = 500_000_000, 2_000_000_000
	flags.Var(&l.HourlyNewBytes, "new-bytes-per-hour", "maximum bytes of new torrents in an hour from one address without a key")
	flags.Var(&l.DailyNewBytes, "new-bytes-per-day", "maximum bytes of new torrents in a day from one address without a key")
}

func (l *Limits) addTimeouts(flags *pflag.FlagSet) {
	DurationVar(flags, &l.HeaderTimeout, "header-timeout", 10*time.Second, "how long the header of an HTTP request may take to arrive")
	DurationVar(flags, &l.BodyTimeout, "body-timeout", 10*time.Minute, "how long an upload may take to arrive; half a minute without a byte, or less than 16 KiB a second, ends it sooner")
	DurationVar(flags, &l.IdleTimeout, "idle-timeout", 2*time.Minute, "how long an HTTP connection may be idle between two requests")
}

// Validate reports the first wrong setting, by its flag.
func (l *Limits) Validate() error {
	for name, n := range map[string]float64{
		"max-connections": float64(l.MaxConnections), "connections-per-address": float64(l.ConnectionsPerAddress),
		"max-uploads": float64(l.MaxUploads), "uploads-per-address": float64(l.UploadsPerAddress),
		"max-streams": float64(l.MaxStreams), "streams-per-address": float64(l.StreamsPerAddress),
		"upload-rate": l.UploadRate, "key-upload-rate": l.KeyUploadRate, "download-rate": l.DownloadRate, "upstream-rate": l.UpstreamRate,
	} {
		if !(n >= 0 && n < 1e9) { // NaN is neither
			return fmt.Errorf("--%s %g: want zero or more", name, n)
		}
	}
	for name, d := range map[string]time.Duration{
		"upload-wait": l.UploadWait, "header-timeout": l.HeaderTimeout, "body-timeout": l.BodyTimeout, "idle-timeout": l.IdleTimeout,
	} {
		if d <= 0 {
			return fmt.Errorf("--%s %s: want more than zero", name, d)
		}
	}
	return nil
}
