package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/daemon"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/internal/progress"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/stores"
)

// What the operator's commands have in common: they work on a running server by
// its admin listener, or on the data folder of a stopped one.

const adminHelp = `
--admin is the admin listener (--admin-addr) of a running torrentcache server. The
way there is not encrypted: from elsewhere go through SSH. A server with --keys-file
asks for a key with the role admin: --token-file, or TORRENTCACHE_TOKEN.
`

const folderHelp = adminHelp + `--data-dir is the folder of a server that does not run.
`

// site is what a command of the operator works on.
type site struct {
	admin   string // HOST:PORT of a running server
	token   token
	dataDir string // if set, that of a stopped one
}

func (s *site) addAdmin(flags *pflag.FlagSet) {
	s.addAddress(flags)
	s.token.addFlags(flags)
}

func (s *site) addAddress(flags *pflag.FlagSet) {
	flags.StringVar(&s.admin, "admin", "127.0.0.1:9091", "admin listener of the running server (host:port)")
}

func (s *site) addDataDir(flags *pflag.FlagSet) {
	flags.StringVar(&s.dataDir, "data-dir", "", "data `folder` of a server that does not run")
}

// settings reads the command's settings. A flag of either kind wins over the
// environment, which serve may share.
func (s *site) settings(c *cobra.Command, env environment) error {
	byFlag := func(name string) bool { return c.Flags().Changed(name) }
	admin, dataDir := byFlag("admin"), byFlag("data-dir")
	return settings(c, env, func() error {
		switch {
		case admin && dataDir:
			return errors.New("--admin and --data-dir: want one of them, a running server or the folder of a stopped one")
		case admin:
			s.dataDir = ""
		}
		return s.validate()
	})
}

func (s *site) validate() error {
	if s.dataDir != "" {
		return stores.WantFolder(s.dataDir)
	}
	if host, port, err := net.SplitHostPort(s.admin); err != nil || host == "" || port == "" || strings.Contains(s.admin, "/") {
		return fmt.Errorf("--admin %q: want host:port of a server's admin listener, such as 127.0.0.1:9091", s.admin)
	}
	return nil
}

// operator is a connection to the admin listener of a server.
type operator struct {
	torrentcachev1.AdminServiceClient
	conn    *nodes.Conn
	address string
}

func (s *site) dial() (*operator, error) {
	key, err := s.token.read()
	if err != nil {
		return nil, err
	}
	o := daemon.NodeOptions(0)
	o.Ailing = true
	conn, err := nodes.Dial([]string{s.admin}, o)
	if err != nil {
		return nil, fmt.Errorf("--admin %s: %w", s.admin, err)
	}
	calls := nodes.WithKey(conn, key)
	return &operator{AdminServiceClient: torrentcachev1.NewAdminServiceClient(calls), conn: conn, address: s.admin}, nil
}

func (o *operator) close() { _ = o.conn.Close() } // nothing is in flight any more

// explain returns what the failure of a call means, in one line.
func (o *operator) explain(err error) error {
	s, _ := status.FromError(err)
	switch {
	case err == nil:
		return nil
	case s.Code() == codes.Canceled:
		return errors.New("interrupted")
	case len(s.Details()) > 0:
		return reason.Of(err)
	case s.Code() == codes.Unimplemented:
		return fmt.Errorf("--admin %s: the server there has no AdminService: this is not its admin listener", o.address)
	case strings.Contains(s.Message(), "HTTP/1.1 header"):
		return fmt.Errorf("--admin %s: what answers there speaks no gRPC: this is no admin listener", o.address)
	default:
		return fmt.Errorf("--admin %s: no torrentcache server answers there: %s", o.address, dialCause(s.Message()))
	}
}

// follow gives each answer of a call that tells its progress to note, until the call
// has ended. Err is that of making the call.
func follow[T any](o *operator, answers grpc.ServerStreamingClient[T], err error, note func(*T)) error {
	for err == nil {
		var answer *T
		if answer, err = answers.Recv(); err == nil {
			note(answer)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return o.explain(err)
}

// dialCause returns what matters of grpc's message about a connection that failed.
func dialCause(message string) string {
	if at := strings.LastIndex(message, "dial "); at >= 0 {
		return strings.TrimSuffix(message[at:], `"`)
	}
	return message
}

// above writes to where a display is, lines above it.
type above struct{ display *progress.Display }

var _ io.Writer = above{}

// Write implements [io.Writer]; b is whole lines.
func (a above) Write(b []byte) (int, error) {
	a.display.Print(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
