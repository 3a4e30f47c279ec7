package accesslog

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/torrentcache/torrentcache/internal/outcome"
)

// Record is one request that was answered.
type Record struct {
	Begin    time.Time
	Duration time.Duration
	Door     string
	Method   string          // of HTTP, or RPC
	Path     string          // the pattern of an HTTP path, or the full name of a method of gRPC
	Outcome  outcome.Outcome // which torrent it was about, and why it was refused
	Status   string          // of HTTP, a number; of gRPC, the name of a code
	Received int64           // bytes of the body, or of the messages
	Sent     int64           // the same
	Key      string          // the name in the keys file, or anonymous; "" if unknown
	Addr     netip.Addr      // of the client; invalid if it is not to be logged
}

// methods are the methods that a line shows as they are. Any other is a client's own text.
var methods = []string{
	"RPC", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch,
}

// none stands for a missing value.
const none = "none"

func (r Record) attrs() []slog.Attr {
	method, hash := r.Method, none
	if !slices.Contains(methods, method) {
		method = "other"
	}
	if id := r.Outcome.InfoHash; !id.IsZero() {
		hash = id.String()
	}
	attrs := []slog.Attr{
		slog.String("door", r.Door), slog.String("method", method), slog.String("path", r.Path), slog.String("info_hash", hash),
		slog.String("status", r.Status), slog.String("reason", cmp.Or(string(r.Outcome.Reason), none)),
		slog.Int64("received", r.Received), slog.Int64("sent", r.Sent),
		slog.Float64("ms", float64(r.Duration.Microseconds())/1000), slog.String("key", cmp.Or(r.Key, none)),
	}
	if r.Addr.IsValid() {
		attrs = append(attrs, slog.String("address", r.Addr.Unmap().String()))
	}
	return attrs
}

// run writes records until Close.
func (l *Log) run() {
	defer close(l.ended)
	for {
		select {
		case r := <-l.queue:
			l.write(r)
		case <-l.quit:
			for len(l.queue) > 0 {
				l.write(<-l.queue)
			}
			return
		}
	}
}

// write makes the line of r. It flushes the lines when no record waits or the buffer is full.
func (l *Log) write(r Record) {
	if l.buffer == nil {
		l.lines.LogAttrs(context.Background(), slog.LevelInfo, "access", r.attrs()...)
		return
	}
	line := slog.NewRecord(r.Begin.Add(r.Duration), slog.LevelInfo, "", 0)
	line.AddAttrs(r.attrs()...)
	_ = l.lines.Handler().Handle(context.Background(), line) // a Buffer takes everything
	l.count++
	if len(l.queue) == 0 || l.buffer.Len() >= bufferSize {
		l.flush()
	}
}

// inUse returns the file. A write does not hold the lock, because a write to a pipe may hang.
func (l *Log) inUse() *os.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file
}

// flush writes the lines in the buffer. The program's log gets one line for a file that fails.
func (l *Log) flush() {
	file := l.inUse()
	_, err := file.Write(l.buffer.Bytes())
	if next := l.inUse(); errors.Is(err, os.ErrClosed) && next != file { // it was opened anew just then
		_, err = next.Write(l.buffer.Bytes())
	}
	if err != nil {
		l.dropped.Add(l.count)
	}
	if failed := err != nil; failed != l.failed {
		l.failed = failed
		if failed {
			l.logger.Error("the access log cannot be written: requests are served, and missing lines are counted", "cause", err)
		} else {
			l.logger.Info("the access log is written again")
		}
	}
	l.buffer.Reset()
	l.count = 0
}
