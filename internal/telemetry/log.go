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

// NewLogger returns a logger that writes to w. The format is JSON if format is "json", else text.
// Level is the name of a slog level, in any case; any other text means info.
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

// plainError logs an error by its message. Otherwise slog formats the error in more detail, and the
// errors of some libraries then include places in their code.
func plainError(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		return slog.String(a.Key, err.Error())
	}
	return a
}

// HTTPErrorLog returns the ErrorLog of an http.Server. It logs to logger, at the level debug and
// without client addresses. Its lines are about clients that speak TLS badly or leave; errors of
// the server are logged elsewhere.
func HTTPErrorLog(logger *slog.Logger) *log.Logger {
	return log.New(errorLog{logger}, "", 0)
}

type errorLog struct{ logger *slog.Logger }

// address matches an end of a connection as packages net and net/http write it.
var address = regexp.MustCompile(`(\[[0-9a-zA-Z:.%]*\]|[0-9]+(\.[0-9]+){3}):[0-9]+`)

func (e errorLog) Write(line []byte) (int, error) {
	e.logger.DebugContext(context.Background(), withoutAddresses(string(line)))
	return len(line), nil
}

// thinEvery is the shortest time between two lines of the same reason from a [Thin] logger.
const thinEvery = time.Minute

// Thin returns a logger for requests that fail by the server's fault. It writes one line a minute
// for each reason, and the next one says how many were left out. Otherwise a bucket that cannot be
// reached would fill the disk with lines. It writes all lines without a reason, and all lines of
// INTERNAL, each of which has a cause of its own.
func Thin(logger *slog.Logger) *slog.Logger {
	return slog.New(thin{logger.Handler(), &thinned{last: map[string]time.Time{}, out: map[string]int{}}})
}

// thin is the handler of a Thin logger. It looks for the reason in a line's own attributes, not in
// those of [slog.Logger.With].
type thin struct {
	slog.Handler
	*thinned
}

// thinned holds for each reason the time of the last line written, and how many were left out
// since.
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

// reasonIn returns the attribute reason of a line; "" if there is none.
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
