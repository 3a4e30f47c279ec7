package fastpath

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// waitEach is how often [Listener.Wait] looks.
const waitEach = 10 * time.Millisecond

// Wait returns when the answers that the fast path was sending at the shutdown of its server have
// been sent, or with ctx's error. The server takes those connections for idle, so call Wait after
// Shutdown has returned.
func (l *Listener) Wait(ctx context.Context) error {
	for l.answers() {
		if !wait.For(ctx, waitEach) {
			return ctx.Err()
		}
	}
	return nil
}

// answers reports whether the fast path is sending an answer.
func (l *Listener) answers() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		if state := c.state.Load(); state == answering || state == closed {
			return true
		}
	}
	return false
}

// Close closes the connection; if the fast path is sending an answer, after that answer.
func (c *conn) Close() error {
	switch c.state.Swap(closed) {
	case answering, closed:
		return nil // leave closes it, or it is closed
	}
	return c.shut()
}

// closeIfWaiting closes the connection if the fast path waits for a request. Over TLS it closes in
// the background, because closing sends a record that the peer may not take.
func (c *conn) closeIfWaiting() {
	if !c.state.CompareAndSwap(waiting, closed) {
		return
	}
	if c.below != nil {
		go func() { _ = c.shut() }() // the server waits for the end of the read
		return
	}
	_ = c.shut() // it is given up
}

// shut closes the connection, which is not sending an answer.
func (c *conn) shut() error {
	c.l.forget(c)
	c.reserved.Release() // if a panic has left something there
	c.signal()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer before it closes.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
