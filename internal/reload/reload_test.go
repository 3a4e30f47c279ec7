package reload

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// What cannot be read stays as it was, and the rest is reloaded nevertheless.
func TestReload(t *testing.T) {
	var log strings.Builder
	var got []int
	read, failed := 2, error(nil)
	r := &Reloader[int]{
		InForce: 1, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Read: func() (int, []string, error) { return read, []string{"port", "rate"}, failed },
	}
	r.On("broken", func(int) error { return errors.New("no such file") })
	r.On("limits", func(s int) error { got = append(got, s); return nil }, "rate")
	ctx, cancel := context.WithCancel(t.Context())
	signals := make(chan os.Signal)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Follow(ctx, signals)
	}()
	signals <- syscall.SIGHUP
	signals <- syscall.SIGHUP // it is taken when the first one has been dealt with
	cancel()
	<-done
	for _, want := range []string{`what=broken cause="no such file"`, `msg=reloaded what=limits`, "settings=[port]"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the log: %s", want, log.String())
		}
	}
	read, failed = 3, errors.New("a misspelled setting")
	r.reload()
	if len(got) < 2 || slices.Contains(got, 3) || got[len(got)-1] != 2 {
		t.Errorf("in force were %v, want 2", got)
	}
	if !strings.Contains(log.String(), "a misspelled setting") {
		t.Errorf("the log: %s", log.String())
	}
}
