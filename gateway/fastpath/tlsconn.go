package fastpath

import (
	"crypto/tls"
	"net"
	"sync"
)

// tlsConn is a conn over TLS. Its ConnectionState tells the server so.
type tlsConn struct {
	*conn
	tls *tls.Conn
}

// ConnectionState returns the result of the handshake.
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// secured returns the result of the handshake; nil without TLS.
func (c *conn) secured() *tls.ConnectionState {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := secure.ConnectionState()
	return &state
}

// joined is the connection below TLS. Package tls writes each record, of at most 16 KiB, by
// itself; joined sends the records of one answer by few system calls.
//
// Only the goroutine that answers calls hold and release, while nobody else writes.
type joined struct {
	net.Conn
	held *[]byte // bytes to be sent; nil: writes are sent at once
}

// heldRoom bounds the bytes that are held: four records. A record adds 22 bytes in TLS 1.3, and
// less than 64 in TLS 1.2.
const heldRoom = 4 * (record + 64)

var heldBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, heldRoom)
	return &b
}}

// hold makes Write collect records until they fill heldRoom, or until release.
func (j *joined) hold() { j.held = heldBuffers.Get().(*[]byte) }

// release writes the collected records and ends hold.
func (j *joined) release() error {
	held := j.held
	j.held = nil
	err := j.flush(held)
	heldBuffers.Put(held)
	return err
}

func (j *joined) flush(held *[]byte) error {
	if len(*held) == 0 {
		return nil
	}
	_, err := j.Conn.Write(*held)
	*held = (*held)[:0]
	return err
}

// Write implements [net.Conn].
func (j *joined) Write(p []byte) (int, error) {
	if j.held == nil {
		return j.Conn.Write(p)
	}
	if len(*j.held)+len(p) > heldRoom {
		if err := j.flush(j.held); err != nil {
			return 0, err
		}
	}
	*j.held = append(*j.held, p...)
	return len(p), nil
}

// NetConn returns the connection below.
func (j *joined) NetConn() net.Conn { return j.Conn }
