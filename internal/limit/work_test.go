package limit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

func TestWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100, Wait: time.Second})
		door := l.Reservation(someone, Uploading, nil)
		if err := door.Take(t.Context(), 50); err != nil {
			t.Fatal(err)
		}
		ctx := WithReservation(t.Context(), door)
		if h, err := l.Work(ctx, someone, 120, false); h != nil || err != nil || door.size() != 120 {
			t.Errorf("with a reservation of the door: %v, %v, which has %d, want 120", h, err, door.size())
		}
		h, err := l.Work(t.Context(), neighbor, 200, false)
		if err != nil || h.size() != 200 {
			t.Errorf("without one: %v, %d", err, h.size())
		}
		_, releaseAnswers := fill(l, addresses(3), Answering, 190)
		for patient, want := range map[bool]time.Duration{false: time.Second, true: patience} {
			begin := time.Now()
			none, err := l.Work(t.Context(), local, 200, patient)
			wantRefusal(t, l, err, reason.Overloaded, Memory)
			none.Release() // has nothing
			if took := time.Since(begin); took != want {
				t.Errorf("patient %v: it waited for %s, want %s", patient, took, want)
			}
		}
		releaseAnswers()
		h.Release()
		door.Release()
		wantIdle(t, l)
	})
}

func TestInflate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Wait: time.Second})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			done, err := l.Inflate(gone)
			if err != nil {
				t.Fatalf("permission was free: %v", err)
			}
			done()
		}
		var give []func()
		for range cap(l.inflating) {
			done, err := l.Inflate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			give = append(give, done)
		}
		_, err := l.Inflate(t.Context())
		wantRefusal(t, l, err, reason.Overloaded, Inflating)
		if _, err := l.Inflate(gone); !errors.Is(err, context.Canceled) || l.Stats().Refused["inflating"] != 1 {
			t.Errorf("a caller that has left: %v", err)
		}
		time.AfterFunc(time.Second/2, give[0])
		if _, err := l.Inflate(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
