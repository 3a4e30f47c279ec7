package fastpath

// Close closes the connection, after the answer that the fast path is giving.
func (c *conn) Close() error {
	switch c.state.Swap(closed) {
	case answering:
		return nil // leave closes
	case closed:
		return nil
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

func (c *conn) shut() error {
	c.l.forget(c)
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
