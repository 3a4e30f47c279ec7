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
