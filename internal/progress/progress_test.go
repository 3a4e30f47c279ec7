package progress

import (
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	lately := rate{files: 5000, bytes: 160e6, over: 10 * time.Second}
	for name, tc := range map[string]struct {
		counts Counts
		rate   rate
		want   string
	}{
		"nothing yet": {Counts{}, rate{}, "0 files, 0 B (0 B/s), 0 files/s, 0 new, 0 already"},
		"total not known": {
			Counts{Files: 12345, Bytes: 400e6, New: 12000, Already: 345}, lately,
			"12,345 files, 400 MB (16.0 MB/s), 500 files/s, 12,000 new, 345 already",
		},
		"total known": {
			Counts{Files: 1000000, Bytes: 8e9, TotalBytes: 32e9, New: 999000, Already: 900, Refused: 100}, lately,
			"25 %, 25m0s left, 1,000,000 files, 8.0 GB (16.0 MB/s), 500 files/s, 100 refused, 999,000 new, 900 already",
		},
		"more than was measured": {
			Counts{Files: 2, Bytes: 20, TotalBytes: 10, New: 2}, lately,
			"100 %, 0s left, 2 files, 20 B (16.0 MB/s), 500 files/s, 2 new, 0 already",
		},
		"dry run": {
			Counts{Files: 3, Bytes: 999_600, Missing: 1, Already: 2}, rate{},
			"3 files, 1.0 MB (0 B/s), 0 files/s, 1 missing, 2 already",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Line(tc.counts, tc.rate); got != tc.want {
				t.Errorf("\n%s, want\n%s", got, tc.want)
			}
		})
	}
}

func TestListLine(t *testing.T) {
	lately := rate{files: 250_000, over: 10 * time.Second}
	for name, tc := range map[string]struct {
		counts Counts
		rate   rate
		want   string
	}{
		"nothing yet":     {Counts{TotalFiles: 20}, rate{}, "0 info hashes, 0/s"},
		"total not known": {Counts{Files: 1, Refused: 1}, lately, "1 info hash, 25,000/s, 1 failed"},
		"total known": {
			Counts{Files: 500_000, TotalFiles: 1_000_000, Already: 3}, lately,
			"50 %, 20s left, 500,000 info hashes, 25,000/s, 3 done before",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := listLine(tc.counts, tc.rate); got != tc.want {
				t.Errorf("\n%s, want\n%s", got, tc.want)
			}
		})
	}
}

func TestTheTerminalsLineIsDrawnAnewAndNeverWraps(t *testing.T) {
	var out strings.Builder
	d := &Display{counts: func() Counts { return Counts{Files: 7} }, line: Line, terminal: true, width: func() int { return 20 }, out: &out}
	d.show(time.Now())
	d.Print("a.torrent: refused")
	d.show(time.Now())
	const line = eraseLine + "7 files, 0 B (0 B/s"
	if want := line + eraseLine + "a.torrent: refused\n" + line; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestElsewhereThereAreLines(t *testing.T) {
	var out strings.Builder
	d := &Display{counts: func() Counts { return Counts{New: 7} }, line: Line, out: &out}
	d.show(time.Now())
	d.show(time.Now())
	if text := out.String(); strings.Count(text, "\n") != 2 || strings.ContainsAny(text, "\r\x1b") {
		t.Errorf("%q", text)
	}
}

func TestStopLeavesNothingBehind(t *testing.T) {
	var out strings.Builder
	d := Start(&out, func() int { return 80 }, func() Counts { return Counts{} })
	d.Print("one")
	d.Stop()
	if text := out.String(); !strings.HasSuffix(text, "one\n") && !strings.HasSuffix(text, eraseLine) {
		t.Errorf("%q", text)
	}
}

func TestMaintenanceLine(t *testing.T) {
	lately := rate{files: 5000, bytes: 160e6, over: 10 * time.Second}
	for name, tc := range map[string]struct {
		counts Counts
		rate   rate
		want   string
	}{
		"verify begins": {Counts{TotalFiles: 10_000}, rate{}, "0 of 10,000 torrents, 0 B (0 B/s)"},
		"verify": {
			Counts{Files: 2500, TotalFiles: 10_000, Bytes: 80e6, Refused: 2, Unreadable: 1}, lately,
			"2,500 of 10,000 torrents, 80.0 MB (16.0 MB/s), 2 damaged, 1 unreadable, 25 %, 15s left",
		},
		"more came meanwhile": {
			Counts{Files: 10_001, TotalFiles: 10_000, Bytes: 80e6}, lately,
			"10,000 of 10,000 torrents, 80.0 MB (16.0 MB/s), 100 %, 0s left",
		},
		"backup": {Counts{Bytes: 80e6, TotalBytes: 400e6}, lately, "80.0 MB (16.0 MB/s), 20 %, 20s left"},
	} {
		if got := maintenanceLine(tc.counts, tc.rate); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestCount(t *testing.T) {
	for _, c := range []struct {
		n         int64
		one, want string
	}{
		{0, "file", "0 files"}, {1, "file", "1 file"}, {1234, "file", "1,234 files"}, {1, "info hash", "1 info hash"}, {2, "info hash", "2 info hashes"},
	} {
		if got := Count(c.n, c.one); got != c.want {
			t.Errorf("Count(%d, %q) = %q, want %q", c.n, c.one, got, c.want)
		}
	}
}
