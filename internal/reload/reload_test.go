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

// A part that cannot be read stays as it was, and the rest is reloaded nevertheless.
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
	opened := 0
	r.Reopen("log", func() error { opened++; return nil })
	r.Reopen("lost log", func() error { return errors.New("no such folder") })
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
	if !slices.Equal(got, []int{2, 2}) {
		t.Errorf("in force were %v, want 2 at each of two signals, and nothing done at the last one", got)
	}
	if opened != 3 || !strings.Contains(log.String(), `what="lost log" cause="no such folder"`) {
		t.Errorf("a log was opened anew %d times at three signals: %s", opened, log.String())
	}
	if !strings.Contains(log.String(), `msg="nothing was reloaded`) || !strings.Contains(log.String(), "a misspelled setting") {
		t.Errorf("the log: %s", log.String())
	}
}
