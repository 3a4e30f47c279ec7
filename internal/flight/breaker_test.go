package flight

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Breaker
		if b.Open() {
			t.Error("it is open at first")
		}
		b.Trip()
		if !b.Open() {
			t.Error("it is closed after a failure")
		}
		for range 3 {
			time.Sleep(AskTime)
			if b.Open() {
				t.Error("nobody may find out after AskTime")
			}
			if !b.Open() {
				t.Error("two may find out at a time")
			}
		}
		b.Reset()
		if b.Open() {
			t.Error("it is open after a success")
		}
	})
}
