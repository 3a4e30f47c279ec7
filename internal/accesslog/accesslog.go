// Package accesslog writes a line for each request that was answered, so that an operator
// finds out why a client's requests fail.
//
// It never delays a request: records wait in a queue of bounded length, and a goroutine writes
// them. A record that finds the queue full is left out and counted. A record has no text that
// a client chose freely: paths are patterns of the table of routes, and an info hash is one
// that parsed.
package accesslog

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the records and lines that wait to be written.
const (
	queueLength = 8192    // records, of 200 bytes each
	bufferSize  = 1 << 16 // bytes of lines
)

// closeTime is how long Close waits for the last lines to be written.
const closeTime = time.Second

// permissions let the operator alone read the file.
const permissions = 0o600

// Log is an open access log. It is safe for concurrent use.
type Log struct {
	queue  chan Record
	quit   chan struct{} // closed by Close
	ended  chan struct{} // closed when the goroutine has ended
	logger *slog.Logger  // of the program
	lines  *slog.Logger  // makes lines of records; writes to buffer, or is the program's
	buffer *bytes.Buffer // of lines; nil if they go to the program's log
	count  int64         // lines in buffer
	failed bool          // whether the last write failed

	dropped atomic.Int64

	name string
	mu   sync.Mutex // guards file
	file *os.File
}

// Open opens the file of that name for lines in a format, json or else text, and makes it if it
// is not there. The Log tells logger when the file cannot be written.
func Open(name, format string, logger *slog.Logger) (*Log, error) {
	l := newLog(logger)
	l.name, l.buffer = name, &bytes.Buffer{}
	l.lines = slog.New(handler(l.buffer, format))
	if err := l.Reopen(); err != nil {
		return nil, err
	}
	go l.run()
	return l, nil
}

// To returns a Log whose lines go to the program's own log.
func To(logger *slog.Logger) *Log {
	l := newLog(logger)
	l.lines = logger
	go l.run()
	return l
}

func newLog(logger *slog.Logger) *Log {
	return &Log{queue: make(chan Record, queueLength), quit: make(chan struct{}), ended: make(chan struct{}), logger: logger}
}

// handler returns the handler that writes lines. It omits level and message, the same in all.
func handler(w io.Writer, format string) slog.Handler {
	o := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
			return slog.Attr{}
		}
		return a
	}}
	if format == "json" {
		return slog.NewJSONHandler(w, o)
	}
	return slog.NewTextHandler(w, o)
}

// Reopen opens the file anew, which may be another one by now. On an error the old one stays
// in use.
func (l *Log) Reopen() error {
	if l.name == "" {
		return nil
	}
	file, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, permissions)
	if err != nil {
		return err
	}
	l.mu.Lock()
	before := l.file
	l.file = file
	l.mu.Unlock()
	if before != nil {
		_ = before.Close() // its lines are written already
	}
	return nil
}

// Add has r written, or leaves it out if too many wait. It never blocks.
func (l *Log) Add(r Record) {
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
	}
}

// Dropped returns how many records were left out, because too many waited or the file could not
// be written.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Close writes the waiting records, for a second at most, and closes the file. Call it once, when
// nobody adds records any more.
func (l *Log) Close() error {
	close(l.quit)
	select {
	case <-l.ended:
	case <-time.After(closeTime):
		return nil // the write to the file hangs
	}
	if file := l.inUse(); file != nil {
		return file.Close()
	}
	return nil
}
