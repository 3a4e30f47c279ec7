package config

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Duration
		back string
	}{
		{"0", 0, "0"},
		{"0s", 0, "0"},
		{"500ms", 500 * time.Millisecond, "500ms"},
		{"90s", 90 * time.Second, "1m30s"},
		{"10m", 10 * time.Minute, "10m"},
		{"1h", time.Hour, "1h"},
		{"1h0m5s", time.Hour + 5*time.Second, "1h0m5s"},
		{"24h", 24 * time.Hour, "1d"},
		{"36h", 36 * time.Hour, "36h"},
		{"7d", 7 * 24 * time.Hour, "7d"},
		{"1d12h", 36 * time.Hour, "36h"},
		{"0d", 0, "0"},
		{"-1s", -time.Second, "-1s"}, // its user says which values are valid
		{"-24h", -24 * time.Hour, "-24h"},
	} {
		var d duration
		if err := d.Set(c.text); err != nil || time.Duration(d) != c.want || d.String() != c.back {
			t.Errorf("%s: %s (%s), %v; want %s (%s)", c.text, time.Duration(d), d.String(), err, c.want, c.back)
		}
		var again duration
		if err := again.Set(d.String()); err != nil || again != d {
			t.Errorf("%s is read back as %s, %v", d.String(), again.String(), err)
		}
	}
	for _, text := range []string{"", "d", "5", "-1d", "+1d", "1.5d", "1d-1h", "1d2d", "1h1d", "1 d", "1dx", "106752d", "106751d24h", "99999999999999999999d", "1D"} {
		d := duration(42)
		if err := d.Set(text); err == nil || d != 42 {
			t.Errorf("%q: %s, %v; want an error and no change", text, d.String(), err)
		}
	}
}
