// Package operator has the commands of a server's operator, except migrate. They call a running
// server through its admin listener, or work on the data folder of a stopped one.
package operator

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/nodes"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/stores"
)

const adminHelp = `
--admin is the admin listener (--admin-addr) of a running torrentcache server. The
connection is not encrypted: from another machine use an SSH tunnel. A server with
--keys-file asks for a key with the role admin: --token-file, or TORRENTCACHE_TOKEN.
`

const folderHelp = adminHelp + `--data-dir is the folder of a server that does not run.
`

// target is the server or the data folder that a command works on.
type target struct {
	admin   string // HOST:PORT of a running server
	token   cli.Token
	dataDir string // if set, the folder of a stopped server
}

func (s *target) addAdmin(flags *pflag.FlagSet) {
	s.addAddress(flags)
	s.token.AddFlags(flags)
}

func (s *target) addAddress(flags *pflag.FlagSet) {
	flags.StringVar(&s.admin, "admin", "127.0.0.1:9091", "admin listener of the running server (host:port)")
}

func (s *target) addDataDir(flags *pflag.FlagSet) {
	flags.StringVar(&s.dataDir, "data-dir", "", "data `folder` of a server that does not run")
}

// with is [cli.Environment.Run] for a command that works on s. If the command line gives --admin
// or --data-dir, the other one of the environment is ignored: it may be meant for serve.
func (s *target) with(env cli.Environment, do func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		admin, dataDir := c.Flags().Changed("admin"), c.Flags().Changed("data-dir")
		return env.Run(func() error {
			switch {
			case admin && dataDir:
				return errors.New("--admin and --data-dir: want one of them, a running server or the folder of a stopped one")
			case admin:
				s.dataDir = ""
			}
			return s.validate()
		}, do)(c, args)
	}
}

func (s *target) validate() error {
	if s.dataDir != "" {
		return stores.WantFolder(s.dataDir)
	}
	if !config.IsHostPort(s.admin) {
		return fmt.Errorf("--admin %q: want host:port of a server's admin listener, such as 127.0.0.1:9091", s.admin)
	}
	return nil
}

// wantDataDir is validate for commands that work only on folders.
func (s *target) wantDataDir() error {
	if s.dataDir == "" {
		return errors.New("--data-dir is missing: want the data folder of a server that does not run")
	}
	return stores.WantFolder(s.dataDir)
}

// connection is a connection to the admin listener of a server.
type connection struct {
	torrentcachev1.AdminServiceClient
	conn    *nodes.Conn
	address string
}

func (s *target) dial() (*connection, error) {
	key, err := s.token.Read()
	if err != nil {
		return nil, err
	}
	conn, err := cli.DialAdmin(s.admin, 0)
	if err != nil {
		return nil, fmt.Errorf("--admin %s: %w", s.admin, err)
	}
	calls := nodes.WithKey(conn, key)
	return &connection{AdminServiceClient: torrentcachev1.NewAdminServiceClient(calls), conn: conn, address: s.admin}, nil
}

func (c *connection) close() { _ = c.conn.Close() } // no call is in flight

// explain returns the error of a call in one line, with address and cause if nobody answers.
func (c *connection) explain(err error) error {
	s, _ := status.FromError(err)
	switch {
	case err == nil:
		return nil
	case s.Code() == codes.Canceled:
		return errors.New("interrupted")
	case len(s.Details()) > 0:
		return reason.Of(err)
	case s.Code() == codes.Unimplemented:
		return fmt.Errorf("--admin %s: the server there has no AdminService: this is not its admin listener", c.address)
	case strings.Contains(s.Message(), "HTTP/1.1 header"):
		return fmt.Errorf("--admin %s: the server there speaks no gRPC: want the address of an admin listener", c.address)
	default:
		return fmt.Errorf("--admin %s: no torrentcache server answers there: %s", c.address, reason.ConnectionCause(s.Message()))
	}
}

// follow passes each answer of a streaming call to note until the call ends. Err is the error of
// starting the call.
func follow[T any](c *connection, answers grpc.ServerStreamingClient[T], err error, note func(*T)) error {
	for err == nil {
		var answer *T
		if answer, err = answers.Recv(); err == nil {
			note(answer)
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return c.explain(err)
}
