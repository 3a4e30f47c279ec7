package fastpath

import (
	"context"
	"time"
)

// waitEach is how often [Listener.Wait] looks.
const waitEach = 10 * time.Millisecond

// Wait returns once the answers have left that the fast path was giving when its server was
// shut down, or ctx's error. To the server those connections were idle: call it after
// Shutdown has returned.
func (l *Listener) Wait(ctx context.Context) error {
	ticker := time.NewTicker(waitEach)
	defer ticker.Stop()
	for l.answers() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// answers reports whether the fast path gives an answer.
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

// Close closes the connection, after the answer that the fast path is giving.
func (c *conn) Close() error {
	switch c.state.Swap(closed) {
	case answering, closed:
		return nil // leave closes, or somebody has
	}
	return c.shut()
}

// closeIfWaiting closes the connection if the fast path waits for a request. Over TLS
// it does not wait for that: the peer is told, and may not listen.
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

// shut closes the connection, which gives no answer.
func (c *conn) shut() error {
	c.l.forget(c)
	c.hold.Release() // if a panic has left something there
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
