package fastpath_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// asked is a source that answers as it likes.
type asked func(id infohash.ID, reserved *limit.Reservation) *fastpath.Answer

func (a asked) answer(id infohash.ID, reserved *limit.Reservation, read bool) *fastpath.Answer {
	if !read {
		reserved = nil
	}
	return a(id, reserved)
}

// loaded is a source whose answers the reservation has the memory of.
var loaded = asked(func(id infohash.ID, reserved *limit.Reservation) *fastpath.Answer {
	if !reserved.Try(hugeSize) {
		return nil
	}
	return hugeAnswers(nil)[id]
})

var head = strings.Replace(get, "GET", "HEAD", 1)

// The memory of an answer that the socket does not take at once is counted while the answer is on
// its way. An answer that many clients get is counted once.
func TestMemoryOfAnAnswerOnItsWay(t *testing.T) { plainAndTLS(t, testMemoryOfAnAnswerOnItsWay) }

func testMemoryOfAnAnswerOnItsWay(t *testing.T, start way) {
	for name, c := range map[string]struct {
		source answers
		ofBoth int64
	}{"kept": {hugeAnswers(limit.NewShared(hugeSize)), hugeSize}, "loaded": {loaded, 2 * hugeSize}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, &http.Server{}, c.source)
			first, second := r.dial(t), r.dial(t)
			first.send(get)
			r.wantMemory(t, hugeSize)
			second.send(get + head)
			r.wantMemory(t, c.ofBoth)
			if status, body := first.answer(); status != http.StatusOK || len(body) != hugeSize {
				t.Errorf("status %d, %d bytes", status, len(body))
			}
			r.wantFound(t, 1)
			r.wantMemory(t, hugeSize)
			_ = second.Close() // without a word, over TLS: it has not read
			r.wantMemory(t, 0)
		})
	}
}

// narrow leaves no memory for answers.
func (r *running) narrow(t *testing.T) {
	t.Helper()
	r.limits.Set(limit.Settings{Memory: 1000})
	if !r.limits.Reservation(limit.Caller{}, limit.Answering, nil).Try(1000) {
		t.Fatal("not even one may have all")
	}
}

// refuses is a handler that has no memory either.
var refuses = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })

// If memory is short in the middle of an answer, the connection ends.
func TestAnswerWithoutMemory(t *testing.T) {
	r := start(t, &http.Server{}, hugeAnswers(limit.NewShared(hugeSize)))
	r.narrow(t)
	c := r.dial(t)
	c.send(head)
	if resp, err := http.ReadResponse(c.in, &http.Request{Method: http.MethodHead}); err != nil || resp.ContentLength != hugeSize {
		t.Fatalf("%+v, %v", resp, err)
	}
	c.send(get)
	if n, err := io.Copy(io.Discard, c.in); n == 0 || n >= hugeSize {
		t.Errorf("%d bytes, %v", n, err)
	}
	r.wantMemory(t, 1000)
}

// If memory is short before the answer begins, net/http refuses the request.
func TestAnswerWithoutMemoryIsRefused(t *testing.T) {
	t.Run("TLS", func(t *testing.T) {
		r := startTLS(t, &http.Server{Handler: refuses}, hugeAnswers(limit.NewShared(hugeSize)))
		testRefused(t, r, r.dial(t))
		r.wantFound(t, 1)
	})
	for name, start := range map[string]way{"loaded, plain": start, "loaded, TLS": startTLS} {
		t.Run(name, func(t *testing.T) {
			r := start(t, &http.Server{Handler: refuses}, loaded)
			r.narrow(t)
			c := r.dial(t)
			c.send(get)
			if status, _ := c.answer(); status != http.StatusServiceUnavailable {
				t.Errorf("status %d", status)
			}
			r.wantMemory(t, 1000)
		})
	}
}

func testRefused(t *testing.T, r *running, c *client) {
	t.Helper()
	r.narrow(t)
	for range 2 {
		c.send(get)
		if status, _ := c.answer(); status != http.StatusServiceUnavailable {
			t.Errorf("status %d", status)
		}
	}
	c.send(head) // needs none
	if resp, err := http.ReadResponse(c.in, &http.Request{Method: http.MethodHead}); err != nil || resp.ContentLength != hugeSize {
		t.Fatalf("%+v, %v", resp, err)
	}
	r.wantMemory(t, 1000)
}

func TestMemoryByHTTP2(t *testing.T) {
	for name, source := range map[string]answers{"kept": hugeAnswers(limit.NewShared(hugeSize)), "loaded": loaded} {
		t.Run(name, func(t *testing.T) {
			_, forClient := secured(t, "h2")
			transport := &http.Transport{TLSClientConfig: forClient, ForceAttemptHTTP2: true}
			defer transport.CloseIdleConnections()
			r := startTLS(t, &http.Server{Handler: fastpath.NewHandler(refuses, of(source))}, source)
			ask := func(method string) *http.Response {
				resp, err := transport.RoundTrip(newRequest(t, method, "https://"+r.listener.Addr().String()+smallPath))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = resp.Body.Close() })
				return resp
			}
			resp := ask(http.MethodGet)
			r.wantMemory(t, hugeSize)
			if n, err := io.Copy(io.Discard, resp.Body); n != hugeSize || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			r.wantMemory(t, 0)
			ask(http.MethodGet).Body.Close() // resets the stream
			ask(http.MethodHead)
			r.wantMemory(t, 0)
			r.narrow(t)
			if resp := ask(http.MethodGet); resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("without memory: %s", resp.Status)
			}
			r.wantMemory(t, 1000)
		})
	}
}

// If a source takes memory, and then has no answer or panics, its memory is given back.
func TestSourceWithoutAnAnswer(t *testing.T) { plainAndTLS(t, testSourceWithoutAnAnswer) }

func testSourceWithoutAnAnswer(t *testing.T, start way) {
	r := start(t, &http.Server{ErrorLog: log.New(io.Discard, "", 0)}, asked(func(id infohash.ID, reserved *limit.Reservation) *fastpath.Answer {
		if !reserved.Try(hugeSize) || id == large {
			panic("as a test")
		}
		return nil
	}))
	c := r.dial(t)
	c.send(get)
	c.wantAnswer(small)
	r.wantMemory(t, 0)
	c.send(strings.Replace(get, smallPath, largePath, 1))
	c.wantEnd()
	r.wantMemory(t, 0)
	become(t, 0, "connections are open", func() int64 { return int64(r.limits.Stats().Connections) })
}

// A client that does not take its answer is cut off for the sake of others that wait for memory. A
// client that takes it is not.
func TestSlowReaderIsCutOff(t *testing.T) { plainAndTLS(t, testSlowReaderIsCutOff) }

func testSlowReaderIsCutOff(t *testing.T, start way) {
	r := start(t, &http.Server{}, hugeAnswers(limit.NewShared(hugeSize)))
	r.limits.Set(limit.Settings{Memory: hugeSize, UploadMemory: hugeSize, Wait: patience})
	c := r.dial(t)
	raw := c.Conn
	if over, ok := raw.(*tls.Conn); ok {
		raw = over.NetConn()
	}
	if err := raw.(patient).Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	c.send(get)
	r.wantMemory(t, hugeSize)
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error)
	go func() { waited <- r.limits.Reservation(limit.Caller{}, limit.Uploading, nil).Take(ctx, 1) }()
	defer func() { cancel(); <-waited }()
	if _, err := io.CopyN(io.Discard, c.in, hugeSize*2/3); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	r.limits.Tick(later)
	if _, err := io.CopyN(io.Discard, c.in, 1<<10); err != nil {
		t.Fatalf("a client that takes enough is cut off: %v", err)
	}
	r.limits.Tick(later.Add(time.Hour))
	if _, err := io.CopyN(io.Discard, c.in, hugeSize/3); err == nil {
		t.Error("a client that takes nothing is served")
	}
	r.wantMemory(t, 1) // of the one that waited
}
