package fastpath

import (
	"crypto/tls"
	"net"
	"sync"
)

// tlsConn is a conn over TLS. By ConnectionState the server knows that it is one.
type tlsConn struct {
	*conn
	tls *tls.Conn
}

// ConnectionState returns what the handshake came to.
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// joined is the connection that TLS runs over. Package tls writes each record, of 16
// KiB at most, by itself; those of one answer leave by few system calls.
//
// It is held by the goroutine that answers, while nobody else writes.
type joined struct {
	net.Conn
	held *[]byte // what waits; nil: what is written leaves at once
}

// heldRoom is how much waits at most, in bytes: four records. Of each, 22 bytes in TLS 1.3
// and less than 64 in TLS 1.2 are not the answer.
const heldRoom = 4 * (record + 64)

var heldBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, heldRoom)
	return &b
}}

// hold keeps what is written from now on until it is much, or release.
func (j *joined) hold() { j.held = heldBuffers.Get().(*[]byte) }

// release writes what was kept.
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
