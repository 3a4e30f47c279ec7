// Command torrentcache stores .torrent files and hands them out by info hash.
//
// The command serve runs everything in one process; gateway runs the HTTP doors alone, against the
// gRPC server of another machine (package daemon). The other commands call a running server, or
// work on a data folder (packages below internal/cli).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc/grpclog"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/internal/daemon"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

func main() {
	ctx, stop := lifecycle.OnSignal(context.Background(), func(s os.Signal) {
		fmt.Fprintf(os.Stderr, "torrentcache: ended at once by a second signal (%s)\n", s)
		os.Exit(1)
	})
	libraries := new(telemetry.GRPCLog)
	grpclog.SetLoggerV2(libraries) // grpclog has one logger for the whole process
	status := run(ctx, os.Args[1:], cli.Environment{Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Libraries: libraries})
	stop()
	os.Exit(status)
}

// daemonEnvironment returns env in the form that package daemon takes.
func daemonEnvironment(env cli.Environment) daemon.Environment {
	return daemon.Environment{Environ: env.Environ, Stdout: env.Stdout, Stderr: env.Stderr, Libraries: env.Libraries}
}

// run runs the command that args name until the command has ended or ctx is done. It returns the
// exit status. It writes an error to stderr, in one line.
func run(ctx context.Context, args []string, env cli.Environment) int {
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(env.Stderr, "torrentcache: %s\n", cli.ErrorLine(err))
	if _, ok := errors.AsType[cli.SomeFailed](err); ok {
		return 3
	}
	return 1
}
