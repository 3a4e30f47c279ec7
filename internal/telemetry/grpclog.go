package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
)

// GRPCLog is the logger of the libraries grpc and grpc-gateway, for grpclog.SetLoggerV2. Their
// warnings and errors are about clients that leave or speak badly. They go to the program's logger
// at the level debug and without addresses, like those of [HTTPErrorLog]; errors of the server are
// logged elsewhere. Informational messages are dropped. The zero value drops all messages. It is
// safe for concurrent use.
type GRPCLog struct{ logger atomic.Pointer[slog.Logger] }

// SetLogger sets the logger of all later messages.
func (g *GRPCLog) SetLogger(logger *slog.Logger) { g.logger.Store(logger) }

// Info implements grpclog.LoggerV2, as the methods below do.
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

// Fatal logs a wrong use of the libraries, which then end the process.
func (g *GRPCLog) Fatal(args ...any)   { g.log(slog.LevelError, fmt.Sprint, args) }
func (g *GRPCLog) Fatalln(args ...any) { g.log(slog.LevelError, fmt.Sprintln, args) }
func (g *GRPCLog) Fatalf(format string, args ...any) {
	g.log(slog.LevelError, formatted(format), args)
}

// V reports whether details of this verbosity are wanted. None are.
func (g *GRPCLog) V(int) bool { return false }

func formatted(format string) func(args ...any) string {
	return func(args ...any) string { return fmt.Sprintf(format, args...) }
}

// log logs the text that text makes of args, if lines of the level are wanted.
func (g *GRPCLog) log(level slog.Level, text func(args ...any) string, args []any) {
	ctx, logger := context.Background(), g.logger.Load()
	if logger == nil || !logger.Enabled(ctx, level) {
		return
	}
	logger.Log(ctx, level, withoutAddresses(text(args...)), "library", "grpc")
}

// withoutAddresses returns a line of a library with its addresses replaced.
func withoutAddresses(line string) string {
	return address.ReplaceAllString(strings.TrimSpace(line), "(address)")
}
