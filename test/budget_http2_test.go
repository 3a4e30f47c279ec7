//go:build e2e

package test

import (
	"bytes"
	"context"
	"crypto/tls"
	bits "encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"
)

// raider is the address that raids come from.
var raider = net.IPv4(127, 0, 0, 1)

// rawHTTP2 is a connection of HTTP/2 on which the client decides on every frame. It
// takes as much of the answers as the windows let through, and heeds none. Errors of
// writing mean that the server has had enough, and count for nothing.
type rawHTTP2 struct {
	conn net.Conn

	mu      sync.Mutex // of what follows, and of writing
	framer  *http2.Framer
	fields  bytes.Buffer
	encoder *hpack.Encoder
	streams uint32 // opened so far
}

// dialHTTP2 connects, over TLS if secure is not nil, until ctx ends. Each stream begins
// with a window of so many bytes for the answer.
func dialHTTP2(ctx context.Context, t *testing.T, addr string, secure *tls.Config, window uint32) *rawHTTP2 {
	t.Helper()
	conn := connect(t, raider, addr)
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	c := &rawHTTP2{conn: conn, framer: http2.NewFramer(conn, conn)}
	c.encoder = hpack.NewEncoder(&c.fields)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}); err != nil {
		t.Fatal(err)
	}
	go c.acknowledge()
	return c
}

// acknowledge reads what the server sends until the connection ends, and answers what
// the server may insist on.
func (c *rawHTTP2) acknowledge() {
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		c.mu.Lock()
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = c.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				_ = c.framer.WritePing(true, frame.Data)
			}
		}
		c.mu.Unlock()
	}
}

// get asks for a path.
func (c *rawHTTP2) get(path string) {
	c.request(nil, ":method", "GET", ":scheme", "https", ":authority", "a", ":path", path)
}

// call makes a call of gRPC.
func (c *rawHTTP2) call(method string, message proto.Message) {
	body, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 5), message)
	if err != nil {
		panic(err) // all messages of these tests are valid
	}
	bits.BigEndian.PutUint32(body[1:], uint32(len(body)-5))
	c.request(body, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", method,
		"content-type", "application/grpc", "te", "trailers")
}

// request opens a stream with these fields, names and values in turn.
func (c *rawHTTP2) request(body []byte, fields ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stream := 2*c.streams + 1
	c.streams++
	c.fields.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // to memory
	}
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: c.fields.Bytes(), EndHeaders: true, EndStream: body == nil,
	})
	if body != nil {
		_ = c.framer.WriteData(stream, true, body)
	}
}

// open lets n more bytes through on every stream.
func (c *rawHTTP2) open(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.framer.WriteWindowUpdate(0, n*c.streams)
	for i := range c.streams {
		_ = c.framer.WriteWindowUpdate(2*i+1, n)
	}
}
