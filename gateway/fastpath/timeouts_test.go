package fastpath_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
)

// brief is the timeout of these tests. It bounds the handshakes of TLS, too, which take
// their time on a busy machine under the race detector. The tests wait for it side by
// side.
const brief = time.Second

func TestIdleTimeout(t *testing.T) { plainAndTLS(t, testIdleTimeout) }

func testIdleTimeout(t *testing.T, start way) {
	t.Parallel()
	r := start(t, &http.Server{IdleTimeout: brief}, ready)
	for _, before := range []string{get, other} {
		c := r.dial(t)
		c.send(before)
		c.answer()
		c.wantEnd()
	}
}

func TestHeaderTimeout(t *testing.T) { plainAndTLS(t, testHeaderTimeout) }

func testHeaderTimeout(t *testing.T, start way) {
	t.Parallel()
	r := start(t, &http.Server{ReadHeaderTimeout: brief}, ready)
	for _, before := range []string{"", get, other} {
		c := r.dial(t)
		if before != "" {
			c.send(before)
			c.answer()
		}
		c.send(get[:len(get)-1])
		if _, err := io.Copy(io.Discard, c.in); err != nil { // net/http may say 400 first
			t.Error(err)
		}
	}
}

// The body of an upload has ReadTimeout from the beginning of its request, not
// from the beginning of a connection that was used for downloads before.
func TestReadTimeoutBeginsWithTheRequest(t *testing.T) {
	plainAndTLS(t, testReadTimeoutBeginsWithTheRequest)
}

func testReadTimeoutBeginsWithTheRequest(t *testing.T, start way) {
	t.Parallel()
	c := start(t, &http.Server{ReadTimeout: brief, IdleTimeout: time.Minute}, ready).dial(t)
	for begun := time.Now(); time.Since(begun) < 2*brief; {
		c.send(get)
		c.wantAnswer(small)
	}
	c.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
	c.send("hello")
	if _, body := c.answer(); !bytes.Contains(body, []byte(`body="hello" err=false`)) {
		t.Errorf("the handler saw %s", body)
	}
}

// hugeSize is more than the buffers of two sockets take.
const hugeSize = 24 << 20

// hugeAnswers gives an answer that no socket buffer takes whole, and counts it in shared.
func hugeAnswers(shared *limit.Shared) source {
	body := bytes.Repeat([]byte("x"), hugeSize)
	return source{small: captured(sends(body), small, shared)}
}

// sends answers every download with body.
func sends(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-bittorrent")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

func TestReaderThatStops(t *testing.T) { plainAndTLS(t, testReaderThatStops) }

func testReaderThatStops(t *testing.T, start way) {
	t.Parallel()
	r := start(t, &http.Server{WriteTimeout: brief}, hugeAnswers(nil))
	c := r.dial(t)
	c.send(get)
	if _, err := c.in.Peek(1); err != nil {
		t.Fatal(err)
	}
	// The server gives up while nothing is read, so the answer is cut short.
	r.wantFound(t, 1)
	n, _ := io.Copy(io.Discard, c.in)
	if n >= hugeSize {
		t.Errorf("all %d bytes came", n)
	}
}

func TestSlowReaderIsServed(t *testing.T) { plainAndTLS(t, testSlowReaderIsServed) }

func testSlowReaderIsServed(t *testing.T, start way) {
	r := start(t, &http.Server{WriteTimeout: patience}, hugeAnswers(nil))
	c := r.dial(t)
	c.send(get)
	if status, body := c.answer(); status != http.StatusOK || len(body) != hugeSize {
		t.Errorf("status %d, %d bytes", status, len(body))
	}
}
