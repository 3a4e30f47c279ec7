//go:build linux

package accesslog

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

var discard = slog.New(slog.DiscardHandler)

func refused() Record {
	return Record{
		Begin: time.Unix(1_700_000_000, 0).UTC(), Duration: 1500 * time.Microsecond, Door: "form", Method: "POST", Path: "/autoupload.php",
		Outcome: outcome.Outcome{Reason: reason.TorrentInvalid}, Status: "200", Received: 300, Sent: 60, Key: "site1",
	}
}

func mustOpen(t *testing.T, name, format string) *Log {
	t.Helper()
	l, err := Open(name, format, discard)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func content(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := mustOpen(t, name, "text")
	l.Add(refused())
	found := Record{Begin: time.Unix(1_700_000_000, 0), Door: "download", Method: "BREW\n", Path: "/torrent/...", Status: "200",
		Outcome: outcome.Outcome{InfoHash: infohash.V1([20]byte{1})}, Addr: netip.MustParseAddr("::ffff:192.0.2.1")}
	l.Add(found)
	closed(t, l)
	lines := strings.Split(content(t, name), "\n")
	want := `door=form method=POST path=/autoupload.php info_hash=none status=200 reason=TORRENT_INVALID received=300 sent=60 ms=1.5 key=site1`
	if _, rest, _ := strings.Cut(lines[0], " "); rest != want || !strings.HasPrefix(lines[0], "time=2023-11-14T") {
		t.Errorf("got  %s\nwant %s", lines[0], want)
	}
	want = `door=download method=other path=/torrent/... info_hash=0100000000000000000000000000000000000000 status=200 reason=none received=0 sent=0 ms=0 key=none address=192.0.2.1`
	if _, rest, _ := strings.Cut(lines[1], " "); rest != want || len(lines) != 3 {
		t.Errorf("got  %s\nwant %s", lines[1], want)
	}
}

func TestLinesOfJSON(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := mustOpen(t, name, "json")
	l.Add(refused())
	closed(t, l)
	var line map[string]any
	if err := json.Unmarshal([]byte(content(t, name)), &line); err != nil || line["reason"] != "TORRENT_INVALID" || line["ms"] != 1.5 {
		t.Errorf("%v, %v", line, err)
	}
}

// A program that rotates the file renames it and has it opened anew; no line is lost.
func TestReopen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "access.log")
	l := mustOpen(t, name, "text")
	const each = 500
	for range each {
		l.Add(refused())
	}
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	for range each {
		l.Add(refused())
	}
	closed(t, l)
	before, after := strings.Count(content(t, name+".1"), "\n"), strings.Count(content(t, name), "\n")
	if before+after != 2*each || after < each || l.Dropped() != 0 {
		t.Errorf("%d lines in the old file, %d in the new one, %d left out", before, after, l.Dropped())
	}
}

// A file that takes nothing, such as a pipe that nobody reads, does not hold anybody up.
func TestAFileThatTakesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l := mustOpen(t, name, "text")
	const records = 2*queueLength + 2000 // a pipe holds 64 KiB, the buffer as much
	for range records {
		l.Add(refused())
	}
	if l.Dropped() == 0 {
		t.Error("nothing was left out")
	}
	closed(t, l) // it does not wait for long
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
}

func TestAFileThatFails(t *testing.T) {
	log := &strings.Builder{}
	l, err := Open("/dev/full", "text", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		l.Add(refused())
	}
	closed(t, l)
	if l.Dropped() != 10 || strings.Count(log.String(), "cannot be written") != 1 {
		t.Errorf("%d left out; %s", l.Dropped(), log)
	}
}

func TestTheProgramsLog(t *testing.T) {
	out := &strings.Builder{}
	l := To(slog.New(slog.NewTextHandler(out, nil)))
	l.Add(refused())
	closed(t, l)
	if text := out.String(); !strings.Contains(text, "level=INFO msg=access door=form") || l.Reopen() != nil {
		t.Error(text)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "no", "folder"), "text", discard); err == nil {
		t.Error("a file in no folder was opened")
	}
}
