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

// raider is the source address of raids.
var raider = net.IPv4(127, 0, 0, 1)

// rawHTTP2 is an HTTP/2 connection whose client controls every frame. It reads as much of the
// answers as the windows allow and discards it. It ignores write errors, because they mean that
// the server has cut the connection.
type rawHTTP2 struct {
	conn net.Conn

	mu      sync.Mutex // guards the fields below, and writing
	framer  *http2.Framer
	fields  bytes.Buffer
	encoder *hpack.Encoder
	streams uint32 // opened so far
}

// dialHTTP2 connects until ctx ends, over TLS if secure is not nil. Window is the initial window
// of each stream for the answer, in bytes.
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

// acknowledge reads frames until the connection ends, and answers those that require an answer.
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

// call makes a gRPC call.
func (c *rawHTTP2) call(method string, message proto.Message) {
	body, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 5), message)
	if err != nil {
		panic(err) // all messages of these tests are valid
	}
	bits.BigEndian.PutUint32(body[1:], uint32(len(body)-5))
	c.request(body, ":method", "POST", ":scheme", "http", ":authority", "a", ":path", method,
		"content-type", "application/grpc", "te", "trailers")
}

// begin begins a gRPC call with a message of largeSize. It sends 1 MB of it, as much as the
// server's window allows, in frames of 1000 bytes.
func (c *rawHTTP2) begin(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stream := 2*c.streams + 1
	c.streams++
	c.fields.Reset()
	for _, field := range [][2]string{{":method", "POST"}, {":scheme", "http"}, {":authority", "a"}, {":path", method},
		{"content-type", "application/grpc"}, {"te", "trailers"}} {
		_ = c.encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}) // to memory
	}
	var sent bytes.Buffer
	framer, part := http2.NewFramer(&sent, nil), make([]byte, 1000)
	bits.BigEndian.PutUint32(part[1:], largeSize)
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.fields.Bytes(), EndHeaders: true})
	for range 1000 {
		_ = framer.WriteData(stream, false, part)
	}
	_, _ = c.conn.Write(sent.Bytes())
}

// request opens a stream. Fields are alternating names and values.
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

// open enlarges the window of every stream by n bytes.
func (c *rawHTTP2) open(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.framer.WriteWindowUpdate(0, n*c.streams)
	for i := range c.streams {
		_ = c.framer.WriteWindowUpdate(2*i+1, n)
	}
}
