package telemetry

import (
	"context"
	"io"
	"log"
	"log/slog"
	"regexp"
	"sync"
	"time"
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
// speak TLS badly or leave; errors of the server are logged elsewhere.
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

// thinEvery is how often a line of one reason is logged at most, by a [Thin] logger.
const thinEvery = time.Minute

// Thin returns a logger for what fails by the server's fault, request for request. Of lines
// that have the same reason it writes one a minute, and the next one says how many it left out:
// a bucket that is away would fill the disk. Lines without a reason, and those of INTERNAL,
// which each have a cause of their own, are all written.
func Thin(logger *slog.Logger) *slog.Logger {
	return slog.New(thin{logger.Handler(), &thinned{last: map[string]time.Time{}, out: map[string]int{}}})
}

// thin is the handler of such a logger. Lines are told apart by their own attributes, not by
// those of [slog.Logger.With].
type thin struct {
	slog.Handler
	*thinned
}

// thinned is when which reason was last logged, and how often it was left out since.
type thinned struct {
	mu   sync.Mutex
	last map[string]time.Time
	out  map[string]int
}

// Handle implements [slog.Handler].
func (t thin) Handle(ctx context.Context, record slog.Record) error {
	why := reasonIn(record)
	if why == "" || why == "INTERNAL" {
		return t.Handler.Handle(ctx, record)
	}
	t.mu.Lock()
	if record.Time.Sub(t.last[why]) < thinEvery {
		t.out[why]++
		t.mu.Unlock()
		return nil
	}
	left := t.out[why]
	t.last[why], t.out[why] = record.Time, 0
	t.mu.Unlock()
	if left > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Int("left_out_before", left))
	}
	return t.Handler.Handle(ctx, record)
}

// reasonIn returns the attribute reason of a line, "" if there is none.
func reasonIn(record slog.Record) (why string) {
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "reason" {
			why = a.Value.String()
		}
		return why == ""
	})
	return why
}

// WithAttrs implements [slog.Handler].
func (t thin) WithAttrs(attrs []slog.Attr) slog.Handler {
	return thin{t.Handler.WithAttrs(attrs), t.thinned}
}

// WithGroup implements [slog.Handler].
func (t thin) WithGroup(name string) slog.Handler { return thin{t.Handler.WithGroup(name), t.thinned} }
