package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

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
