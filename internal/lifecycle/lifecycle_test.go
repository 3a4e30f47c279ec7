package lifecycle

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
)

func TestListenErrorsNameTheSetting(t *testing.T) {
	taken, err := Listen(t.Context(), "http-addr", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, says := range map[string]string{
		taken.Addr().String():         "another program uses the port",
		"192.0.2.1:0":                 "cannot listen",
		"127.0.0.1:not-a-port-at-all": "cannot listen",
	} {
		l, err := Listen(t.Context(), "grpc-addr", address)
		if err == nil {
			l.Close()
			t.Errorf("%s: no error", address)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, "--grpc-addr "+address+": ") || !strings.Contains(got, says) || strings.Count(got, address) != 1 {
			t.Errorf("%s: %s", address, got)
		}
	}
}

func TestReadiness(t *testing.T) {
	var sick error
	r := NewReadiness(func(context.Context) error { return sick })
	probe := func() int {
		w := httptest.NewRecorder()
		r.Ready(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return w.Code
	}
	if got := probe(); got != 503 {
		t.Errorf("before the start: %d", got)
	}
	r.SetServing(true)
	if got := probe(); got != 200 {
		t.Errorf("serving: %d", got)
	}
	inFull := func() string {
		w := httptest.NewRecorder()
		r.ReadyInFull(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return w.Body.String()
	}
	note := ""
	r.Notes = []func() string{func() string { return note }, func() string { return "" }}
	if got := inFull(); got != "ready\n" {
		t.Errorf("in full: %q", got)
	}
	note = "no uploads"
	if got := inFull(); got != "ready\nno uploads\n" {
		t.Errorf("in full, with a note: %q", got)
	}
	sick = errors.New("sick")
	if got := probe(); got != 503 {
		t.Errorf("sick: %d", got)
	}
	if got := inFull(); got != "sick\n" {
		t.Errorf("in full, sick: %q", got)
	}
	sick = nil
	r.SetServing(false)
	if got := probe(); got != 503 {
		t.Errorf("draining: %d", got)
	}
}

// diary holds the events, in order.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) add(entry string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry)
}

// fake returns a server that serves until stopped and writes down when.
func (d *diary) fake(name string) Server {
	stopped := make(chan struct{})
	return Server{
		Name:  name,
		Serve: func() error { <-stopped; return nil },
		Stop: func(context.Context) error {
			d.add("stop " + name)
			close(stopped)
			return nil
		},
	}
}

func (d *diary) group(public, admin []Server, ready func()) *Group {
	return &Group{Public: public, Admin: admin, Timeout: time.Minute, Logger: slog.New(slog.DiscardHandler),
		Ready: func() { d.add("ready"); ready() }, Drain: func() { d.add("drain") }}
}

func TestGroupStopsInOrder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var d diary
	if err := d.group([]Server{d.fake("public")}, []Server{d.fake("admin")}, cancel).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if want := []string{"ready", "drain", "stop public", "stop admin"}; !slices.Equal(d.entries, want) {
		t.Errorf("got %v, want %v", d.entries, want)
	}
}

func TestGroupEndsWhenAServerFails(t *testing.T) {
	var d diary
	broken := Server{Name: "broken", Serve: func() error { return errors.New("no luck") }, Stop: func(context.Context) error { return nil }}
	err := d.group([]Server{d.fake("public"), broken}, nil, func() {}).Run(t.Context())
	if err == nil || err.Error() != "broken: no luck" {
		t.Errorf("got %v", err)
	}
	if want := []string{"ready", "drain", "stop public"}; !slices.Equal(d.entries, want) {
		t.Errorf("got %v, want %v", d.entries, want)
	}
}

func TestHTTPIsCutOffWhenItTakesTooLong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{})
	gone := make(chan struct{})
	s := HTTP("HTTP", NewPublicHTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(gone)
	}), nil), l)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	go func() {
		if resp, err := http.Get("http://" + l.Addr().String()); err == nil {
			resp.Body.Close()
		}
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stop: %v", err)
	}
	s.Cut()
	<-gone
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestGRPCStops(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := GRPC("gRPC", grpc.NewServer(), l)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	// An answer shows that Serve has begun.
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestPublicHTTPRefusesHugeHeaders(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := HTTP("HTTP", NewPublicHTTP(http.NotFoundHandler(), nil), l)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	defer func() {
		if err := errors.Join(s.Stop(t.Context()), <-served); err != nil {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The server answers before it has read all of this, so writing may fail.
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 2*maxHeaderBytes))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("got %q, %v", line, err)
	}
}
