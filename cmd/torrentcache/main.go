// Command torrentcache stores .torrent files and hands them out by info hash.
//
// Serve runs everything in one process; gateway runs the HTTP doors alone,
// against the gRPC server of another machine (package daemon). The other commands
// ask a running server, or work on a data folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc/grpclog"

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
	grpclog.SetLoggerV2(libraries) // one for the process, by its API
	status := run(ctx, os.Args[1:], environment{environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, libraries: libraries})
	stop()
	os.Exit(status)
}

// environment is what a command knows of the world outside its arguments.
type environment struct {
	environ        []string  // as of os.Environ
	stdin          io.Reader // nil means that of the process
	stdout, stderr io.Writer
	libraries      *telemetry.GRPCLog // gets the program's logger; nil means that there is none
}

// daemon is env for what serves.
func (env environment) daemon() daemon.Environment {
	return daemon.Environment{Environ: env.environ, Stdout: env.stdout, Stderr: env.stderr, Libraries: env.libraries}
}

// run runs the command that args name until it is done or ctx ends. It returns
// the exit status; an error is one line on stderr.
func run(ctx context.Context, args []string, env environment) int {
	root := newRoot(env)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(env.stderr, "torrentcache: %s\n", mistaken(err))
		if e, ok := errors.AsType[*exitError](err); ok {
			return e.status
		}
		return 1
	}
	return 0
}

// Exit statuses of the client commands; 0 is success, 1 any other failure.
const exitSomeFailed = 3 // the command got to its end, and some torrents are not what was asked for

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	text   string
}

func (e *exitError) Error() string { return e.text }
