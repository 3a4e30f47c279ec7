package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/server"
)

// mirrors are the servers that this one follows. It implements [server.Mirrors]
// and [server.Repairer].
type mirrors struct {
	names   []string // HOST:PORT
	sources []*client.Client

	followers []*mirror.Follower
	repairer  *mirror.Repairer // nil if there is nobody to fetch from
	running   sync.WaitGroup
	ctx       context.Context    // of what they do
	stop      context.CancelFunc // ends it
}

// newMirrors returns the servers that --mirror-of names; nothing is followed yet.
func newMirrors(cfg config.Serve) (*mirrors, error) {
	m := &mirrors{stop: func() {}}
	for _, text := range cfg.Mirrors.Mirrors {
		location, err := upstream.Parse(text)
		if err == nil && !location.GRPC {
			err = errors.New("want grpc://HOST:PORT or grpcs://HOST:PORT")
		}
		var source *client.Client
		if err == nil {
			source, err = dialMirror(location, int64(cfg.MaxTorrentSize))
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
func dialMirror(l upstream.Location, maxSize int64) (*client.Client, error) {
	security := config.ClientTLS{On: l.TLS, CA: l.CA, Certificate: l.Certificate, Key: l.Key}
	secure, err := security.Config()
	if err != nil {
		return nil, err
	}
	o := client.Options{TLS: secure, MaxTorrentSize: maxSize, DialOptions: []grpc.DialOption{grpc.WithNoProxy()}}
	if l.TokenFile != "" {
		if o.Token, err = config.ReadSecret(l.TokenFile); err != nil {
			return nil, fmt.Errorf("token-file: %w", err)
		}
	}
	if o.Token != "" && !l.TLS {
		dialer := &net.Dialer{Control: nearOnly}
		o.DialOptions = append(o.DialOptions, grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}))
	}
	return client.Dial(l.Address, o)
}

// nearOnly refuses connections by which a key would cross the network in the clear.
func nearOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if addr := at.Addr().Unmap(); err != nil || !addr.IsLoopback() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() {
		return errors.New("a key goes without TLS to loopback and private addresses alone: use grpcs://")
	}
	return nil
}

// prepare makes the followers, which put what they read into to.
func (m *mirrors) prepare(cfg config.Serve, to server.Copies, h *house) {
	for i, source := range m.sources {
		m.followers = append(m.followers, mirror.New(mirror.Options{
			Name: m.names[i], Source: source, Target: to, KeepRanks: cfg.MirrorRanks == "keep",
			Removals: cfg.MirrorRemovals, Rate: int64(cfg.MirrorRate), Logger: h.logger,
		}))
	}
	if len(m.followers) > 0 {
		h.metrics.WatchMirrors(m.telemetry)
	}
	if len(m.sources) == 0 && h.upstreams == nil || cfg.Store != "" {
		return // a bucket is mended by its own means
	}
	var sources []mirror.Source
	for _, source := range m.sources {
		sources = append(sources, source)
	}
	m.repairer = mirror.NewRepairer(to, sources, to.Fetch)
	h.metrics.WatchRepairs(m.repairer.Counts)
}

// Repair implements [server.Repairer].
func (m *mirrors) Repair(ctx context.Context, id infohash.ID) bool {
	return m.repairer != nil && m.repairer.Repair(ctx, id)
}

// follow follows them all until ctx ends or close is called.
func (m *mirrors) follow(ctx context.Context) {
	m.ctx, m.stop = context.WithCancel(ctx)
	for _, f := range m.followers {
		m.running.Go(func() { f.Run(m.ctx) })
	}
}

// close ends all that is under way, and waits for the end.
func (m *mirrors) close() {
	m.stop()
	m.running.Wait()
	for _, source := range m.sources {
		_ = source.Close() // nothing is in flight any more
	}
}

// Stats implements [server.Mirrors].
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
		s := f.Stats()
		all = append(all, telemetry.MirrorStats{
			Source: s.Source, Paused: s.Paused, Behind: s.Behind, Lag: s.Lag,
			Torrents: s.Torrents, Removals: s.Removals, Refused: s.Refused, Wrong: s.Wrong, LeftOut: s.LeftOut,
		})
	}
	return all
}

// Resume implements [server.Mirrors].
func (m *mirrors) Resume(ctx context.Context, source string, skip bool) (bool, error) {
	for _, f := range m.followers {
		if f.Name == source {
			return true, f.Resume(ctx, skip)
		}
	}
	return false, nil
}

const mirrorHelp = `Go on following a server that was stopped, since it removed more than 1 % of all
torrents in an hour.

  torrentcache mirror resume HOST:PORT      its removals were meant: make them
  torrentcache restore --mirror HOST:PORT   they were not: undo those made here

The name is that of --mirror-of; torrentcache stats lists them. After resume the
removals of an hour are not counted.
`

func newMirror(env environment) *cobra.Command {
	c := &cobra.Command{
		Use:   "mirror",
		Short: "Go on following a server that was stopped",
		Long:  mirrorHelp + adminHelp,
	}
	var s site
	out := facts{out: env.stdout}
	resume := &cobra.Command{
		Use:               "resume HOST:PORT",
		ValidArgsFunction: cobra.NoFileCompletions,
		Short:             "Make the removals that stopped it, and go on",
		Long:              mirrorHelp + adminHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("resume which? Want the HOST:PORT of one --mirror-of (torrentcache stats lists them)")
			}
			if err := s.settings(c, env); err != nil {
				return err
			}
			if _, err := resumeMirror(c.Context(), &s, args[0], false); err != nil {
				return err
			}
			return out.tell(summary{map[string]string{"source": args[0], "status": "resumed"}}, args[0]+" is followed again\n")
		},
	}
	s.addAdmin(resume.Flags())
	out.addFlag(resume.Flags())
	c.AddCommand(resume)
	return c
}

// resumeMirror has the server go on with source, and returns how many torrents it restored.
func resumeMirror(ctx context.Context, s *site, source string, restore bool) (int64, error) {
	o, err := s.dial()
	if err != nil {
		return 0, err
	}
	defer o.close()
	answer, err := o.ResumeMirror(ctx, &torrentcachev1.ResumeMirrorRequest{Source: source, Restore: restore})
	if err != nil {
		return 0, o.explain(err)
	}
	return answer.GetRestoredCount(), nil
}

// restoreMirror undoes what source removed here.
func restoreMirror(ctx context.Context, s *listSettings, source string, args []string) error {
	if len(args) > 0 {
		return errors.New("--mirror undoes all removals of a source: it goes with no info hashes or files")
	}
	n, err := resumeMirror(ctx, &s.site, source, true)
	if err != nil {
		return err
	}
	return s.facts.tell(summary{map[string]int64{"restored": n}}, progress.Count(n, "torrent")+" restored\n")
}

// mirrorFact is how far the following of a server is, for programs.
type mirrorFact struct {
	Source   string `json:"source"`
	Paused   bool   `json:"paused"`
	Behind   int64  `json:"behind"`
	Lag      int64  `json:"lag_seconds"`
	Torrents int64  `json:"torrents"`
	Removals int64  `json:"removals"`
	Refused  int64  `json:"refused"`
	Wrong    int64  `json:"wrong"`
	LeftOut  int64  `json:"left_out"`
}

func mirrorFacts(all []*torrentcachev1.MirrorStats) []mirrorFact {
	var mirrored []mirrorFact
	for _, m := range all {
		mirrored = append(mirrored, mirrorFact{m.GetSource(), m.GetPaused(), m.GetBehindCount(), m.GetLagSeconds(),
			m.GetTorrentCount(), m.GetRemovalCount(), m.GetRefusedCount(), m.GetWrongCount(), m.GetLeftOutCount()})
	}
	return mirrored
}

// mirrorText says how far mirrors are, a line each.
func mirrorText(all []*torrentcachev1.MirrorStats) string {
	var lines strings.Builder
	for _, m := range all {
		fmt.Fprintf(&lines, "%-22s%s: ", "mirror of", m.GetSource())
		switch {
		case m.GetPaused():
			lines.WriteString("STOPPED, since it removed too many torrents (torrentcache mirror --help)")
		case m.GetLagSeconds() > 0:
			fmt.Fprintf(&lines, "%s behind, for %s", progress.Count(m.GetBehindCount(), "change"), time.Duration(m.GetLagSeconds())*time.Second)
		default:
			lines.WriteString("up to date")
		}
		fmt.Fprintf(&lines, "; %s stored, %s, %s refused, %s wrong, %s left out\n", progress.Number(m.GetTorrentCount()),
			progress.Count(m.GetRemovalCount(), "removal"), progress.Number(m.GetRefusedCount()), progress.Number(m.GetWrongCount()), progress.Number(m.GetLeftOutCount()))
	}
	return lines.String()
}
