package limit_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// serveBodies serves a handler that reads bodies, and answers with how many bytes
// they had or why they were refused; before it has read them to the end it calls
// during.
func serveBodies(t *testing.T, l *limit.Limits, during func()) string {
	read := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var first [1]byte
		n, err := io.ReadFull(r.Body, first[:])
		if err == nil {
			during()
			var rest []byte
			rest, err = io.ReadAll(r.Body)
			n += len(rest)
		}
		if e, ok := errors.AsType[*reason.Error](err); ok {
			if e.RetryAfter() > 0 {
				_, _ = io.Copy(io.Discard, r.Body) // so that the client hears the answer
			}
			http.Error(w, string(e.Reason), e.Reason.Answer().JSON)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	})
	bodies := l.Bodies(read)
	withReservation := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reserved := l.Reservation(limit.Caller{Addr: origin.FromContext(r.Context())}, limit.Uploading, nil)
		defer reserved.Release()
		bodies.ServeHTTP(w, r.WithContext(limit.WithReservation(r.Context(), reserved)))
	})
	s := httptest.NewServer(origin.Proxies{}.Handler(withReservation))
	t.Cleanup(s.Close)
	return s.URL
}

func post(t *testing.T, url string, body io.Reader) (int, string) {
	t.Helper()
	resp, err := http.Post(url, "application/octet-stream", body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(answer))
}

func TestBodies(t *testing.T) {
	l := limit.New(limit.Settings{Memory: 8 << 20, Wait: time.Second, Uploads: 1})
	var inside func()
	url := serveBodies(t, l, func() { inside() })
	large := make([]byte, 3_000_000)
	inside = func() {
		inside = func() { t.Error("a second upload is let in") }
		if code, text := post(t, url, bytes.NewReader(large)); code != 503 || text != "OVERLOADED" {
			t.Errorf("the second upload at a time: %d %.100s", code, text)
		}
		if s := l.Stats(); s.Uploads != 1 || s.UploadBytes == 0 || s.UploadBytes > 1<<20 {
			t.Errorf("while a byte has been read: %+v", s)
		}
	}
	for _, body := range []io.Reader{bytes.NewReader(large), io.MultiReader(bytes.NewReader(large))} { // with a length, and in chunks
		if code, text := post(t, url, body); code != 200 || len(text) != len(large) {
			t.Errorf("a large upload: %d, %d bytes", code, len(text))
		}
		inside = func() {}
	}
	if code, text := post(t, url, bytes.NewReader(nil)); code != 200 || text != "" {
		t.Errorf("no body: %d %q", code, text)
	}
	if s := l.Stats(); s.Uploads != 0 || s.UploadBytes != 0 || s.Refused["uploads"] != 1 {
		t.Errorf("at the end: %+v", s)
	}
}

func TestBodiesWaitForMemory(t *testing.T) {
	l := limit.New(limit.Settings{Memory: 1 << 19, Wait: time.Millisecond})
	started, finish := make(chan struct{}), make(chan struct{})
	var begun atomic.Bool
	url := serveBodies(t, l, func() {
		if begun.CompareAndSwap(false, true) {
			close(started)
			<-finish
		}
	})
	answered := make(chan int)
	go func() {
		code, _ := post(t, url, bytes.NewReader(make([]byte, 1<<20)))
		answered <- code
	}()
	<-started // it holds a portion
	if code, text := post(t, url, bytes.NewReader(make([]byte, 1<<20))); code != 503 || text != "OVERLOADED" {
		t.Errorf("while there is no more memory: %d %.100s", code, text)
	}
	close(finish)
	if code := <-answered; code != 200 {
		t.Errorf("the upload that had memory: %d", code)
	}
	if code, _ := post(t, url, bytes.NewReader(make([]byte, 1<<20))); code != 200 {
		t.Errorf("when there is memory again: %d", code)
	}
}

// The content of a compressed body takes memory as a body does.
func TestInflatedBodiesWaitForMemory(t *testing.T) {
	l := limit.New(limit.Settings{Memory: 1 << 20, Wait: time.Millisecond})
	reservationOf := func(addr string) *limit.Reservation {
		return l.Reservation(limit.Caller{Addr: netip.MustParseAddr(addr)}, limit.Uploading, nil)
	}
	inflate := func() (int64, error) {
		reserved := reservationOf("192.0.2.1")
		defer reserved.Release()
		return io.Copy(io.Discard, limit.Inflated(limit.WithReservation(t.Context(), reserved), bytes.NewReader(make([]byte, 1<<20))))
	}
	if n, err := inflate(); n != 1<<20 || err != nil {
		t.Errorf("alone: %d bytes, %v", n, err)
	}
	other := reservationOf("198.51.100.1")
	if err := other.Take(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n, err := inflate(); n == 0 || n == 1<<20 || reason.Of(err).Reason != reason.Overloaded {
		t.Errorf("beside another: %d bytes, %v", n, err)
	}
	other.Release()
	if s := l.Stats(); s.UploadBytes != 0 {
		t.Errorf("at the end: %+v", s)
	}
}

// A body that stops coming is given up, and says why.
func TestSlowBodyIsCutOff(t *testing.T) {
	l := limit.New(limit.Settings{BodyTime: 50 * time.Millisecond})
	url := serveBodies(t, l, func() {})
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(answer), " 400 ") || !strings.Contains(string(answer), "REQUEST_INVALID") {
		t.Errorf("%q, %v", answer, err)
	}
	if s := l.Stats(); s.Refused["body_time"] != 1 || s.Uploads != 0 {
		t.Errorf("%+v", s)
	}
}

func TestListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit.New(limit.Settings{Connections: 3, ConnectionsPerAddress: 2})
	outer := l.Listener(inner, limit.HTTPConnection)
	defer outer.Close()
	accepted := make(chan net.Conn)
	go func() {
		for {
			c, err := outer.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	refused := func(limit string, want int64) {
		t.Helper()
		if _, err := dial().Read(make([]byte, 1)); err == nil {
			t.Error("something is said on a connection too many")
		}
		if got := l.Stats().Refused[limit]; got != want {
			t.Errorf("%d refusals by %s, want %d", got, limit, want)
		}
	}
	dial()
	dial()
	first, _ := <-accepted, <-accepted
	if _, ok := first.(syscall.Conn); !ok {
		t.Error("the descriptor is out of reach")
	}
	if _, ok := first.(io.ReaderFrom); !ok {
		t.Error("sendfile is out of reach")
	}
	refused("connections_per_address", 1)
	_ = first.Close()
	_ = first.Close() // a second time does not count
	if got := l.Stats().Connections; got != 1 {
		t.Errorf("%d connections are counted, want 1", got)
	}
	l.Set(limit.Settings{Connections: 2, ConnectionsPerAddress: 1, TrustedProxies: origin.Networks{netip.MustParsePrefix("127.0.0.0/8")}})
	dial()
	<-accepted
	refused("connections", 1)
}
