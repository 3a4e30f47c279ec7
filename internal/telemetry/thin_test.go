package telemetry

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A failure that each request meets is logged once a minute, with how often it was met.
func TestThin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		logger := Thin(NewLogger(&out, "text", "info"))
		for range 5 {
			logger.Error("call failed", "reason", "STORAGE_FULL")
			logger.Error("call failed", "reason", "OVERLOADED")
			logger.Error("call failed", "reason", "INTERNAL")
			logger.Info("reloaded")
		}
		time.Sleep(time.Minute)
		logger.Error("call failed", "reason", "STORAGE_FULL")
		for text, want := range map[string]int{
			"reason=STORAGE_FULL\n": 1, "reason=STORAGE_FULL left_out_before=4\n": 1, "reason=OVERLOADED": 1, "reason=INTERNAL": 5, "reloaded": 5,
		} {
			if got := strings.Count(out.String(), text); got != want {
				t.Errorf("%q is there %d times, want %d:\n%s", text, got, want, out.String())
			}
		}
	})
}
