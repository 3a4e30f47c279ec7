package hotcache

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// settling remembers a change for at least one span, and for at most two.
func TestSettling(t *testing.T) {
	const span = 3 * time.Second
	one, other := infohash.V1([20]byte{1}), infohash.V1([20]byte{2})
	for _, before := range []time.Duration{0, span / 2, span - 1, span, 5 * span} {
		synctest.Test(t, func(t *testing.T) {
			s := settling{span: span}
			s.note([]infohash.ID{other})
			time.Sleep(before)
			s.note([]infohash.ID{one})
			for elapsed := time.Duration(0); elapsed < span; elapsed += span / 8 {
				if !s.has(one) {
					t.Errorf("forgotten after %s", elapsed)
				}
				time.Sleep(span / 8)
			}
			time.Sleep(span)
			if s.has(one) || s.has(other) {
				t.Error("never forgotten")
			}
			s.noteAll()
			time.Sleep(span - 1)
			if !s.has(one) {
				t.Error("that all may have changed is forgotten")
			}
			time.Sleep(time.Nanosecond)
			if s.has(one) {
				t.Error("that all may have changed is never forgotten")
			}
		})
	}
}
