package wait_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// For takes as long as it was told to, or until its context ends, and says which of both.
func TestFor(t *testing.T) {
	for _, test := range []struct {
		wait, life time.Duration
		want       bool
	}{{time.Hour, 2 * time.Hour, true}, {time.Hour, time.Minute, false}, {0, time.Hour, true}, {-time.Hour, time.Hour, true}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.life)
			defer cancel()
			begin := time.Now()
			got := wait.For(ctx, test.wait)
			if took, want := time.Since(begin), max(0, min(test.wait, test.life)); got != test.want || took != want {
				t.Errorf("For(%v) with %v to live = %v after %v", test.wait, test.life, got, took)
			}
		})
	}
}

// A pace lets a second's worth pass at once, and then holds spending to its bound. An
// amount that was not spent for long does not add up.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := wait.NewPace(100)
		for range 2 {
			begin := time.Now()
			for range 10 {
				if err := p.Spend(t.Context(), 100); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(begin); took != 9*time.Second {
				t.Errorf("1000 at 100 a second took %v", took)
			}
			time.Sleep(time.Hour)
		}
	})
}

// A pace without a bound does not wait, and any ends with its context.
func TestPaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		for _, p := range []*wait.Pace{nil, wait.NewPace(0), wait.NewPace(-1)} {
			if err := p.Spend(t.Context(), 1<<60); err != nil || time.Since(begin) != 0 {
				t.Errorf("without a bound: %v after %v", err, time.Since(begin))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, p := range []*wait.Pace{wait.NewPace(1), nil} {
			if err := p.Spend(ctx, 1<<20); err == nil || time.Since(begin) != time.Minute {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		}
	})
}
