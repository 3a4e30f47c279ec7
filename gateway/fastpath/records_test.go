package fastpath_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// record is the largest content of a TLS record, in bytes. sealed is the size of the bytes around
// it (TLS 1.3, AES-GCM or ChaCha20).
const record, sealed = 16 << 10, 5 + 1 + 16

// wire keeps the bytes that come over a connection.
type wire struct {
	net.Conn
	heard bytes.Buffer
}

// Read implements [net.Conn].
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.heard.Write(p[:n])
	return n, err
}

// records returns how many were heard and forgets them.
func (w *wire) records(t *testing.T) (count, bytes int) {
	t.Helper()
	for w.heard.Len() > 0 {
		header := w.heard.Next(5)
		length := int(binary.BigEndian.Uint16(header[3:]))
		if len(w.heard.Next(length)) != length {
			t.Fatal("half a record")
		}
		count, bytes = count+1, bytes+5+length
	}
	return count, bytes
}

// counting is a listener that counts the writes to its connections.
type counting struct {
	net.Listener
	writes *atomic.Int64
}

// Accept implements [net.Listener].
func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

// Write implements [net.Conn].
func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// Header and body leave in as few records as may be, and four of them by one write.
func TestRecordsOfAnAnswer(t *testing.T) {
	var body []byte
	srv := &http.Server{}
	r := &running{Server: srv}
	srv.TLSConfig, r.client = secured(t, "http/1.1")
	srv.TLSConfig.DynamicRecordSizingDisabled = true
	var writes atomic.Int64
	l := limit.New(limit.Settings{}).Listener(counting{listen(t), &writes}, 0)
	r.listener = fastpath.NewTLS(l, srv, of(asked(func(id infohash.ID, _ *limit.Reservation) *fastpath.Answer {
		return captured(sends(body), id, nil)
	})))
	r.serve(t)
	plain := *r
	plain.client = nil
	c := plain.dial(t)
	heard := &wire{Conn: c.Conn}
	c.Conn = tls.Client(heard, r.client)
	c.in.Reset(c.Conn)

	ask := func(size int) (records, length int) {
		body = make([]byte, size)
		before := writes.Load()
		c.send(get)
		if status, got := c.answer(); status != http.StatusOK || len(got) != size {
			t.Fatalf("status %d, %d bytes of %d", status, len(got), size)
		}
		records, length = heard.records(t)
		if got, want := writes.Load()-before, 1+(records+2)/4; before > 0 && got > int64(want) {
			t.Errorf("%d records of a body of %d bytes took %d writes, want %d", records, size, got, want)
		}
		return records, length - records*sealed
	}
	ask(0) // the last records of the handshake come with it
	for _, records := range []int{1, 2, 3, 16, 17, 18, 40} {
		_, length := ask(records * record)
		header := length - records*record
		for size := records*record - header - 1; size <= records*record-header+1; size++ {
			got, length := ask(size)
			if want := (length + record - 1) / record; length != header+size || got != want {
				t.Errorf("a body of %d bytes behind a header of %d came in %d records, want %d", size, header, got, want)
			}
		}
	}
}
