package fastpath_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestHeadLargerThanTheBuffer(t *testing.T) { plainAndTLS(t, testHeadLargerThanTheBuffer) }

func testHeadLargerThanTheBuffer(t *testing.T, start way) {
	c := start(t, &http.Server{}, ready).dial(t)
	c.send(request("Cookie: " + strings.Repeat("x", 10_000)))
	c.wantAnswer(small)
	c.send(get)
	c.wantAnswer(small)
}

func TestUploadLargerThanTheBufferComesBack(t *testing.T) {
	plainAndTLS(t, testUploadLargerThanTheBufferComesBack)
}

func testUploadLargerThanTheBufferComesBack(t *testing.T, start way) {
	r := start(t, &http.Server{}, ready)
	c := r.dial(t)
	const size = 1 << 20
	c.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", size))
	if status, _ := c.answer(); status != http.StatusOK {
		t.Fatal(status)
	}
	c.send(get)
	c.wantAnswer(small)
	r.wantFound(t, 1)
}

// A request that comes before the previous answer is out can still go by the fast path. Clients on
// fast lines often seem to send such requests.
func TestSentAheadOfAnAnswer(t *testing.T) { plainAndTLS(t, testSentAheadOfAnAnswer) }

func testSentAheadOfAnAnswer(t *testing.T, start way) {
	entered, leave := make(chan bool), make(chan bool)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			entered <- true
			<-leave
		}
		handler(w, r)
	})}
	r := start(t, srv, ready)
	c := r.dial(t)
	for range 10 {
		c.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
		<-entered
		c.send(get + get)
		leave <- true
		if _, body := c.answer(); !bytes.HasPrefix(body, []byte("GET /wait")) {
			t.Fatalf("first came %q", body)
		}
		c.wantAnswer(small)
		c.wantAnswer(small)
	}
	r.wantFound(t, 20)
}

func TestHandlerLearnsThatTheClientLeft(t *testing.T) {
	plainAndTLS(t, testHandlerLearnsThatTheClientLeft)
}

func testHandlerLearnsThatTheClientLeft(t *testing.T, start way) {
	entered, left := make(chan bool), make(chan error)
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		entered <- true
		<-r.Context().Done()
		left <- r.Context().Err()
	})}
	c := start(t, srv, ready).dial(t)
	c.send(other)
	<-entered
	_ = c.Close()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestHijackedConnection(t *testing.T) { plainAndTLS(t, testHijackedConnection) }

func testHijackedConnection(t *testing.T, start way) {
	entered := make(chan bool)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-entered
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		line, err := rw.ReadString('\n')
		_, _ = io.WriteString(c, line)
		if err != nil {
			t.Error(err)
		}
	})}
	c := start(t, srv, ready).dial(t)
	c.send(other)
	<-entered
	c.send(get)
	entered <- true
	if line, err := c.in.ReadString('\n'); err != nil || !strings.HasPrefix(get, line) {
		t.Errorf("the hijacker got %q, %v", line, err)
	}
}

func TestManyClientsAtOnce(t *testing.T) { plainAndTLS(t, testManyClientsAtOnce) }

func testManyClientsAtOnce(t *testing.T, start way) {
	r := start(t, &http.Server{IdleTimeout: time.Minute, WriteTimeout: time.Minute}, ready)
	const clients, rounds = 20, 20
	done := make(chan bool)
	for range clients {
		c := r.dial(t)
		go func() {
			defer func() { done <- true }()
			for i := range rounds {
				for _, ask := range []string{get, strings.Replace(get, smallPath, slowPath, 1), other} {
					c.send(ask)
					if status, _ := c.answer(); status != http.StatusOK {
						t.Errorf("round %d: status %d for %q", i, status, ask)
					}
				}
			}
		}()
	}
	for range clients {
		<-done
	}
	r.wantFound(t, clients*rounds)
}

// The server sees the end of a client's stream even if it comes in one piece with the last request
// and nothing comes after it.
func TestLastRequestAndTheEndAtOnce(t *testing.T) { plainAndTLS(t, testLastRequestAndTheEndAtOnce) }

func testLastRequestAndTheEndAtOnce(t *testing.T, start way) {
	r := start(t, &http.Server{IdleTimeout: 10 * patience}, ready)
	for range 80 {
		c := r.dial(t)
		c.send(get)
		if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.wantAnswer(small)
		c.wantEnd()
	}
}

// Requests that come in any number of pieces and at any time are all answered.
func TestRequestsAtAnyTime(t *testing.T) { plainAndTLS(t, testRequestsAtAnyTime) }

func testRequestsAtAnyTime(t *testing.T, start way) {
	c := start(t, &http.Server{}, ready).dial(t)
	const requests = 700
	go func() {
		for i := range requests {
			if i%7 == 0 {
				runtime.Gosched()
			}
			if _, err := io.WriteString(c.Conn, get); err != nil {
				return // the test says so
			}
		}
	}()
	for range requests {
		c.wantAnswer(small)
	}
}
