package main

import (
	"os"
	"sync"
	"syscall"
)

// log is the yardstick of durable puts: a file that many writers append to and sync. One call
// writes all waiting entries, and one call syncs them. The log does not preallocate, hash or
// checksum.
type log struct {
	file    *os.File
	mu      sync.Mutex
	arrived *sync.Cond
	waiting []*entry
	closed  bool
	stopped chan struct{}
}

type entry struct {
	bytes []byte
	done  chan error
}

func startLog(f *os.File) *log {
	l := &log{file: f, stopped: make(chan struct{})}
	l.arrived = sync.NewCond(&l.mu)
	go l.run()
	return l
}

// append appends b and returns when it is durable.
func (l *log) append(b []byte) error {
	e := &entry{bytes: b, done: make(chan error, 1)}
	l.mu.Lock()
	l.waiting = append(l.waiting, e)
	l.mu.Unlock()
	l.arrived.Signal()
	return <-e.done
}

func (l *log) run() {
	defer close(l.stopped)
	var buffer []byte
	for {
		group := l.take()
		if group == nil {
			return
		}
		buffer = buffer[:0]
		for _, e := range group {
			buffer = append(buffer, e.bytes...)
		}
		err := appendSync(l.file, buffer)
		for _, e := range group {
			e.done <- err
		}
	}
}

// take waits for entries and returns all that are waiting; nil when the log is stopped.
func (l *log) take() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.arrived.Wait()
	}
	group := l.waiting
	l.waiting = nil
	return group
}

// stop ends the log. No append may be under way.
func (l *log) stop() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.arrived.Signal()
	<-l.stopped
}

// appendSync appends b to f and makes it durable.
func appendSync(f *os.File, b []byte) error {
	if _, err := f.Write(b); err != nil {
		return err
	}
	return syscall.Fdatasync(int(f.Fd()))
}
