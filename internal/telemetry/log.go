package telemetry

import (
	"context"
	"io"
	"log"
	"log/slog"
	"regexp"
)

// NewLogger returns a logger that writes to w: format is "json", or else text;
// level is one of slog's names in any case, and info if it is none.
func NewLogger(w io.Writer, format, level string) *slog.Logger {
	var min slog.Level
	if min.UnmarshalText([]byte(level)) != nil {
		min = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: min, ReplaceAttr: plainError}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// plainError has an error logged by what it says: as text slog would ask it for
// more, and some libraries' errors then tell where in the code they were made.
func plainError(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		return slog.String(a.Key, err.Error())
	}
	return a
}

// HTTPErrorLog returns the ErrorLog of an http.Server: its lines go to logger,
// as debug messages and without the client's address. They tell of clients that
// speak TLS badly or leave; what is the server's fault is logged elsewhere.
func HTTPErrorLog(logger *slog.Logger) *log.Logger {
	return log.New(errorLog{logger}, "", 0)
}

type errorLog struct{ logger *slog.Logger }

// address is how packages net and net/http name one of the two ends of a connection.
var address = regexp.MustCompile(`(\[[0-9a-zA-Z:.%]*\]|[0-9]+(\.[0-9]+){3}):[0-9]+`)

func (e errorLog) Write(line []byte) (int, error) {
	e.logger.DebugContext(context.Background(), withoutAddresses(string(line)))
	return len(line), nil
}
