package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// GRPCLog is the logger of the libraries grpc and grpc-gateway, for grpclog.SetLoggerV2.
// Their warnings and errors tell of clients that leave or speak badly, and go to the
// program's logger as debug messages without addresses, as those of [HTTPErrorLog] do;
// errors of the server are logged elsewhere. Their informational messages are dropped.
// The zero value drops all. It is safe for concurrent use.
type GRPCLog struct{ logger atomic.Pointer[slog.Logger] }

// SetLogger has the lines from now on go to logger.
func (g *GRPCLog) SetLogger(logger *slog.Logger) { g.logger.Store(logger) }

// Info implements grpclog.LoggerV2, as those below do.
func (g *GRPCLog) Info(...any)          {}
func (g *GRPCLog) Infoln(...any)        {}
func (g *GRPCLog) Infof(string, ...any) {}

func (g *GRPCLog) Warning(args ...any)   { g.log(slog.LevelDebug, fmt.Sprint, args) }
func (g *GRPCLog) Warningln(args ...any) { g.log(slog.LevelDebug, fmt.Sprintln, args) }
func (g *GRPCLog) Warningf(format string, args ...any) {
	g.log(slog.LevelDebug, formatted(format), args)
}

func (g *GRPCLog) Error(args ...any)   { g.log(slog.LevelDebug, fmt.Sprint, args) }
func (g *GRPCLog) Errorln(args ...any) { g.log(slog.LevelDebug, fmt.Sprintln, args) }
func (g *GRPCLog) Errorf(format string, args ...any) {
	g.log(slog.LevelDebug, formatted(format), args)
}

// Fatal is for a use of the libraries that is wrong; they end the process after it.
func (g *GRPCLog) Fatal(args ...any)   { g.log(slog.LevelError, fmt.Sprint, args) }
func (g *GRPCLog) Fatalln(args ...any) { g.log(slog.LevelError, fmt.Sprintln, args) }
func (g *GRPCLog) Fatalf(format string, args ...any) {
	g.log(slog.LevelError, formatted(format), args)
}

// V reports whether details of this verbosity are wanted: none are.
func (g *GRPCLog) V(int) bool { return false }

func formatted(format string) func(args ...any) string {
	return func(args ...any) string { return fmt.Sprintf(format, args...) }
}

// log logs what text makes of args, if lines of the level are wanted.
func (g *GRPCLog) log(level slog.Level, text func(args ...any) string, args []any) {
	ctx, logger := context.Background(), g.logger.Load()
	if logger == nil || !logger.Enabled(ctx, level) {
		return
	}
	logger.Log(ctx, level, withoutAddresses(text(args...)), "library", "grpc")
}

// withoutAddresses returns a line of a library without the addresses in it.
func withoutAddresses(line string) string {
	return address.ReplaceAllString(strings.TrimSpace(line), "(address)")
}
