package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/server"
)

// mirrors are the servers that this one follows. It implements [admin.Mirrors],
// and repairs torrents for the server.
type mirrors struct {
	names   []string // HOST:PORT
	sources []*client.Client

	followers []*mirror.Follower
	repairer  *mirror.Repairer // nil if there is nobody to fetch from
	running   sync.WaitGroup
	ctx       context.Context    // of their work
	stop      context.CancelFunc // ends ctx
}

// newMirrors returns the servers that --mirror-of names; nothing is followed yet.
func (d *daemon) newMirrors(cfg config.Serve) (*mirrors, error) {
	m := &mirrors{stop: func() {}}
	for _, text := range cfg.Mirrors.Mirrors {
		location, err := upstream.Parse(text)
		if err == nil && !location.GRPC {
			err = errors.New("want grpc://HOST:PORT or grpcs://HOST:PORT")
		}
		var source *client.Client
		if err == nil {
			source, err = d.dialMirror(location, int64(cfg.MaxTorrentSize))
		}
		if err != nil {
			m.close()
			return nil, fmt.Errorf("--mirror-of %s: %w", config.Redact(text), err)
		}
		m.names, m.sources = append(m.names, location.Address), append(m.sources, source)
	}
	return m, nil
}

// dialMirror returns a client of a server that is to be followed.
func (d *daemon) dialMirror(l upstream.Location, maxSize int64) (*client.Client, error) {
	security := config.ClientTLS{On: l.TLS, CA: l.CA, Certificate: l.Certificate, Key: l.Key}
	secure, err := security.Config()
	if err != nil {
		return nil, err
	}
	o := client.Options{TLS: secure, MaxTorrentSize: maxSize, DialOptions: []grpc.DialOption{grpc.WithNoProxy()}}
	if l.TokenFile == "" {
		return client.Dial(l.Address, o)
	}
	key, err := d.keyIn(l.TokenFile, "token-file", "key for the mirror of "+l.Address)
	if err != nil {
		return nil, err
	}
	o.DialOptions = append(o.DialOptions, grpc.WithPerRPCCredentials(shownKey(key)))
	if !l.TLS {
		dialer := &net.Dialer{Control: nearOnly}
		o.DialOptions = append(o.DialOptions, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}))
	}
	return client.Dial(l.Address, o)
}

// shownKey returns the key that is sent with each call. The key goes without TLS: see nearOnly.
type shownKey func() string

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (k shownKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + k()}, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (shownKey) RequireTransportSecurity() bool { return false }

// nearOnly refuses connections by which a key would cross the network in the clear.
func nearOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if addr := at.Addr().Unmap(); err != nil || !addr.IsLoopback() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() {
		return errors.New("a key goes without TLS to loopback and private addresses alone: use grpcs://")
	}
	return nil
}

// prepare makes the repairer, and the followers, which put torrents and removals into to.
func (m *mirrors) prepare(cfg config.Serve, to server.Copies, d *daemon) {
	for i, source := range m.sources {
		m.followers = append(m.followers, mirror.New(mirror.Options{
			Name: m.names[i], Source: source, Target: to, KeepRanks: cfg.MirrorRanks == "keep",
			Removals: cfg.MirrorRemovals, Rate: int64(cfg.MirrorRate), Logger: d.logger,
		}))
	}
	if len(m.followers) > 0 {
		d.metrics.WatchMirrors(m.telemetry)
	}
	if len(m.sources) == 0 && d.upstreams == nil || cfg.Store != "" {
		return // a bucket is mended by its own means
	}
	var sources []mirror.Source
	for _, source := range m.sources {
		sources = append(sources, source)
	}
	m.repairer = mirror.NewRepairer(to, sources, to.Fetch)
	d.metrics.WatchRepairs(m.repairer.Counts)
}

// Repair is the Repair function of [server.Options].
func (m *mirrors) Repair(ctx context.Context, id infohash.ID) bool {
	return m.repairer != nil && m.repairer.Repair(ctx, id)
}

// All is the Repair function of [admin.Options].
func (m *mirrors) All(ctx context.Context, ids []infohash.ID) []infohash.ID {
	if m.repairer == nil {
		return ids
	}
	return m.repairer.All(ctx, ids)
}

// follow follows them all until ctx ends or close is called.
func (m *mirrors) follow(ctx context.Context) {
	m.ctx, m.stop = context.WithCancel(ctx)
	for _, f := range m.followers {
		m.running.Go(func() { f.Run(m.ctx) })
	}
}

// close ends all work that is under way, waits for its end, and closes the connections.
func (m *mirrors) close() {
	m.stop()
	m.running.Wait()
	for _, source := range m.sources {
		_ = source.Close() // nothing is in flight any more
	}
}

// Stats implements [admin.Mirrors].
func (m *mirrors) Stats() []*torrentcachev1.MirrorStats {
	var all []*torrentcachev1.MirrorStats
	for _, f := range m.followers {
		s := f.Stats()
		all = append(all, &torrentcachev1.MirrorStats{
			Source: s.Source, Paused: s.Paused, BehindCount: s.Behind, LagSeconds: int64(s.Lag / time.Second),
			TorrentCount: s.Torrents, RemovalCount: s.Removals, RefusedCount: s.Refused, WrongCount: s.Wrong, LeftOutCount: s.LeftOut,
		})
	}
	return all
}

func (m *mirrors) telemetry() []telemetry.MirrorStats {
	var all []telemetry.MirrorStats
	for _, f := range m.followers {
		all = append(all, telemetry.MirrorStats(f.Stats()))
	}
	return all
}

// Resume implements [admin.Mirrors].
func (m *mirrors) Resume(ctx context.Context, source string, skip bool) (bool, error) {
	for _, f := range m.followers {
		if f.Name == source {
			return true, f.Resume(ctx, skip)
		}
	}
	return false, nil
}
