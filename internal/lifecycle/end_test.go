package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
)

// stuck returns a server that never stops, and cannot be cut off either.
func stuck(name string) Server {
	return Server{
		Name:  name,
		Serve: func() error { select {} },
		Stop: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		Cut: func() { select {} },
	}
}

// ended runs g, whose shutdown begins at once, to its end.
func ended(t *testing.T, g *Group) (log string, err error) {
	t.Helper()
	var out bytes.Buffer
	g.Logger = slog.New(slog.NewTextHandler(&out, nil))
	g.Drain = func() {}
	ctx, cancel := context.WithCancel(t.Context())
	g.Ready = cancel
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	select {
	case err := <-done:
		return out.String(), err
	case <-time.After(time.Minute):
		t.Fatal("the shutdown has no end")
		return "", nil
	}
}

func TestShutdownHasAnEnd(t *testing.T) {
	closing := make(chan struct{})
	log, err := ended(t, &Group{
		Public: []Server{stuck("one"), stuck("two")}, Admin: []Server{stuck("admin")}, Timeout: time.Millisecond,
		InFlight: func() []any { return []any{"uploads", 7} },
		Close: func() error {
			close(closing)
			select {}
		},
	})
	<-closing // it was tried
	if err != nil {
		t.Error(err)
	}
	for _, want := range []string{"cut off", "one", "two", "admin", "uploads=7", "before all was closed"} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log: %s", want, log)
		}
	}
}

func TestCloseIsLastAndItsErrorCounts(t *testing.T) {
	var d diary
	broken := errors.New("no luck")
	g := &Group{Public: []Server{d.fake("public")}, Admin: []Server{d.fake("admin")}, Timeout: time.Minute}
	g.Close = func() error {
		d.add("close")
		return broken
	}
	log, err := ended(t, g)
	if !errors.Is(err, broken) || strings.Contains(log, "cut off") {
		t.Errorf("%v, log %s", err, log)
	}
	if got := strings.Join(d.entries, ", "); got != "stop public, stop admin, close" {
		t.Errorf("got %s", got)
	}
}

// A connection that says nothing holds up grpc's own Stop for two minutes.
func TestMuteConnectionDoesNotHoldUpGRPC(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := GRPC("gRPC", grpc.NewServer(), l)
	stop := s.Stop
	s.Stop = func(ctx context.Context) error {
		// The server's first words show that it waits for the client's word.
		if _, err := io.ReadFull(conn, make([]byte, 9)); err != nil {
			t.Error(err)
		}
		return stop(ctx)
	}
	log, err := ended(t, &Group{Public: []Server{s}, Timeout: time.Millisecond})
	if err != nil || !strings.Contains(log, "cut off") {
		t.Errorf("%v, log %s", err, log)
	}
}
