package fastpath_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
)

func TestShutdown(t *testing.T) { plainAndTLS(t, testShutdown) }

func testShutdown(t *testing.T, start way) {
	r := start(t, &http.Server{}, ready)
	unused, fast, back := r.dial(t), r.dial(t), r.dial(t)
	fast.send(get)
	fast.wantAnswer(small)
	back.send(other)
	back.answer()
	back.send(get)
	back.wantAnswer(small)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-r.served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	for _, c := range []*client{unused, fast, back} {
		c.wantEnd()
	}
}

// An answer that is being sent when the shutdown begins is sent to its end.
func TestShutdownDuringAnAnswer(t *testing.T) { plainAndTLS(t, testShutdownDuringAnAnswer) }

func testShutdownDuringAnAnswer(t *testing.T, start way) {
	for _, before := range []string{"", other} {
		r := start(t, &http.Server{}, hugeAnswers(nil))
		c := r.dial(t)
		if before != "" {
			c.send(before)
			c.answer()
		}
		c.send(get)
		if _, err := c.in.Peek(1); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		go func() { done <- r.Shutdown(ctx) }()
		<-r.served // no more is accepted
		if status, body := c.answer(); status != http.StatusOK || len(body) != hugeSize {
			t.Errorf("status %d, %d bytes", status, len(body))
		}
		c.wantEnd()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Shutdown of the server does not wait for an answer of the fast path. Wait does.
func TestWaitDuringAnAnswer(t *testing.T) { plainAndTLS(t, testWaitDuringAnAnswer) }

func testWaitDuringAnAnswer(t *testing.T, start way) {
	r := start(t, &http.Server{}, hugeAnswers(nil))
	wait := r.listener.(interface{ Wait(context.Context) error }).Wait
	c := r.dial(t)
	c.send(other)
	c.answer()
	c.send(get)
	if _, err := c.in.Peek(1); err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("while the answer is on its way: %v", err)
	}
	done := make(chan error)
	go func() { done <- wait(t.Context()) }()
	if status, body := c.answer(); status != http.StatusOK || len(body) != hugeSize {
		t.Errorf("status %d, %d bytes", status, len(body))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
