package audit_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/audit"
)

// entries returns the lines of a file.
func entries(t *testing.T, name string) []audit.Entry {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []audit.Entry
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || !strings.HasSuffix(line, "\n") {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, e)
	}
	return all
}

func open(t *testing.T, name string) *audit.Log {
	t.Helper()
	l, err := audit.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func add(t *testing.T, l *audit.Log, e audit.Entry) {
	t.Helper()
	if err := l.Append(e); err != nil {
		t.Fatal(err)
	}
}

func TestLinesStay(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	first := audit.Entry{Time: time.Unix(1, 5).UTC(), Who: "alice", Action: "remove", InfoHash: "AB", Reason: "line\nbreak \u2028", Reference: "case 7", Erase: true}
	second := audit.Entry{Time: time.Unix(2, 0).UTC(), Who: "bob", Action: "restore", InfoHash: "AB"}
	add(t, open(t, name), first)
	add(t, open(t, name), second)
	if got := entries(t, name); !slices.Equal(got, []audit.Entry{first, second}) {
		t.Errorf("got %+v", got)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestRotation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, name)
	add(t, l, audit.Entry{Who: "a"})
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	add(t, l, audit.Entry{Who: "b"})
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	add(t, l, audit.Entry{Who: "c"})
	if old, young := entries(t, name+".1"), entries(t, name); len(old) != 2 || len(young) != 1 || young[0].Who != "c" {
		t.Errorf("%v, %v", old, young)
	}
}

// A group is written in order. The part of a line that a crash left is a line of its own.
func TestGroupsAndTornLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, name)
	group := []audit.Entry{{Who: "a", InfoHash: "1"}, {Who: "a", InfoHash: "2"}}
	if err := l.Append(group...); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, name); !slices.Equal(got, group) {
		t.Errorf("got %+v", got)
	}
	const torn = `{"time":"2026-0`
	if err := os.WriteFile(name, []byte("{}\n"+torn), 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, open(t, name), audit.Entry{Who: "b"})
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(text), "\n"); len(lines) != 4 || lines[1] != torn || !strings.Contains(lines[2], `"who":"b"`) {
		t.Errorf("%q", lines)
	}
}

func TestOneAtATime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, name)
	var writers sync.WaitGroup
	const n = 20
	for i := range n {
		writers.Go(func() { add(t, l, audit.Entry{Who: fmt.Sprint(i), Reason: strings.Repeat("x", 5000)}) })
	}
	writers.Wait()
	if got := entries(t, name); len(got) != n {
		t.Errorf("%d lines, want %d", len(got), n)
	}
}
