package httpx

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
)

// maxRequestLine is the length of the longest request line that is mended, in bytes. A
// longer one, and everything after it, passes unchanged; net/http refuses it.
const maxRequestLine = 64 << 10

// MendRequests returns a listener for an [http.Server] whose connections mend the heads of
// requests: raw blanks in the target above all, and header lines that do not matter. The
// servers of 2010 let them pass, and net/http answers 400 before it calls any handler.
//
// It follows a connection from request to request up to the first with a body. After
// that head everything passes unchanged, because finding the end of a body is up to the
// server. It is for connections without TLS.
func MendRequests(l net.Listener) net.Listener { return mendingListener{l} }

type mendingListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l mendingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	m := &mendingConn{Conn: conn, in: bufio.NewReader(conn)}
	m.next = m.requestLine
	return m, nil
}

// mendingConn reads line by line. Its fields belong to the goroutine that reads;
// net/http has one at a time.
type mendingConn struct {
	net.Conn
	in *bufio.Reader

	next    func(line []byte) []byte // mends the next line; nil: the rest passes as bytes
	hasBody bool                     // whether the request being read has one
	line    []byte                   // the line being read, as far as it has come
	ready   []byte                   // the bytes that Read returns first
}

// Read implements [net.Conn]. Net/http interrupts it by a timeout; the next Read goes on
// where it stopped.
func (c *mendingConn) Read(p []byte) (int, error) {
	for len(c.ready) == 0 {
		if c.next == nil {
			return c.in.Read(p)
		}
		if err := c.readLine(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// readLine makes the next line ready, or the part of it that has arrived if it is too
// long or the input ends.
func (c *mendingConn) readLine() error {
	part, err := c.in.ReadSlice('\n')
	c.line = append(c.line, part...)
	switch {
	case err == nil:
		c.ready = c.next(c.line)
	case errors.Is(err, bufio.ErrBufferFull) && len(c.line) < maxRequestLine:
		return nil
	case errors.Is(err, bufio.ErrBufferFull), errors.Is(err, io.EOF) && len(c.line) > 0:
		c.next, c.ready = nil, c.line
	default:
		return err
	}
	c.line = nil
	return nil
}

// requestLine takes the first line of a request, or an empty one before it, which is passed
// over (RFC 9112, section 2.2).
func (c *mendingConn) requestLine(line []byte) []byte {
	if isEnd(line) {
		return nil
	}
	mended, ok := mendRequestLine(line)
	if !ok {
		c.next = nil
		return line
	}
	c.hasBody = false
	c.next = c.headerLine
	return mended
}

// headerLine takes a header or the empty line after the last.
func (c *mendingConn) headerLine(line []byte) []byte {
	if !isEnd(line) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		c.hasBody = c.hasBody || announcesBody(string(bytes.TrimSpace(name)))
		return mendHeaderLine(line)
	}
	c.next = c.requestLine
	if c.hasBody {
		c.next = nil
	}
	return line
}

// isEnd reports whether line has nothing before its end.
func isEnd(line []byte) bool { return len(bytes.TrimRight(line, "\r\n")) == 0 }

// announcesBody reports whether anything but the next request may follow a request with
// this header.
func announcesBody(header string) bool {
	return slices.Contains([]string{"content-length", "transfer-encoding", "upgrade"}, strings.ToLower(header))
}

// NetConn returns the connection that is mended.
func (c *mendingConn) NetConn() net.Conn { return c.Conn }

// CloseWrite closes the sending side. Net/http calls it so that a client can read an
// answer that came before the end of its request.
func (c *mendingConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
