package accesslog

import (
	"context"
	"errors"
	"log/slog"
	"os"
)

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

// write makes the line of r. Lines leave when no record waits, or they are many.
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

// inUse returns the file. Nobody holds the lock while it is written: a pipe may take nothing.
func (l *Log) inUse() *os.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file
}

// flush writes the lines that are made. Of a file that fails the program's log hears once.
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
			l.logger.Error("the access log cannot be written: what is not written is counted, and served all the same", "cause", err)
		} else {
			l.logger.Info("the access log is written again")
		}
	}
	l.buffer.Reset()
	l.count = 0
}
