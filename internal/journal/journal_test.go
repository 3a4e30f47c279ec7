package journal

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

func id(n byte) infohash.ID { return infohash.V1([infohash.SizeV1]byte{n}) }

func open(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestWhatWasAddedIsFoundAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	first := open(t, path)
	v2 := infohash.V2([infohash.SizeV2]byte{9, 8, 7})
	for key, id := range map[Key]infohash.ID{{1}: id(11), {2}: id(22), {3}: v2} {
		if err := first.Add(key, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, path)
	for key, want := range map[Key]infohash.ID{{1}: id(11), {2}: id(22), {3}: v2.Short(), {4}: {}} {
		if got := second.Lookup(key); got != want {
			t.Errorf("key %x: %v, want %v", key, got, want)
		}
	}
}

func TestOfManyLinesEachIsFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	// Keys that differ only in their last bytes share a place in the table.
	keyOf := func(n int) Key { return Key{0: byte(n % 7), 14: byte(n >> 8), 15: byte(n)} }
	const lines = 2000
	for n := range 2 * lines {
		if err := j.Add(keyOf(n%lines), id(byte(n/lines+1))); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, path)
	for n := range lines {
		if got := again.Lookup(keyOf(n)); got != id(2) {
			t.Fatalf("key %d: %v, want that of its last line", n, got)
		}
	}
	if got := again.Lookup(keyOf(lines)); !got.IsZero() || again.Len() != 2*lines {
		t.Errorf("a key without a line: %v; %d lines", got, again.Len())
	}
}

func TestAFileCutAnywhereKeepsItsWholeLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	const lines = 3
	for n := range byte(lines) {
		if err := j.Add(Key{n}, id(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		again, err := Open(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if want := max(0, cut-len(header)) / lineSize; again.Len() != want {
			t.Errorf("cut at %d: %d lines, want %d", cut, again.Len(), want)
		}
		if err := again.Add(Key{99}, id(99)); err != nil {
			t.Fatal(err)
		}
		again.Close()
		if after := open(t, path); after.Lookup(Key{99}) != id(99) || after.Len() != again.Len()+1 {
			t.Errorf("cut at %d: a line added afterwards is not found", cut)
		}
	}
}

func TestAJournalKeepsNothingThatFollowsABadLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	j.Add(Key{1}, id(1))
	j.Close()
	appendTo(t, path, strings.Repeat("\x00", lineSize))
	j = open(t, path)
	if j.Len() != 1 || j.Lookup(Key{1}) != id(1) {
		t.Errorf("%d lines", j.Len())
	}
}

func TestAnotherFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious.txt")
	const content = "dear diary, this is not a journal"
	appendTo(t, path, content)
	if _, err := Open(path); err == nil {
		t.Error("opened")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != content {
		t.Errorf("now %q, %v", after, err)
	}
}

func TestTwoMayShareAJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	a, b := open(t, path), open(t, path)
	const each = 1000
	for n := range each {
		for i, j := range []*Journal{a, b} {
			if err := j.Add(Key{byte(n), byte(n >> 8), byte(i)}, id(byte(i+1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.Close()
	b.Close()
	if both := open(t, path); both.Len() != 2*each {
		t.Errorf("%d lines, want %d", both.Len(), 2*each)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
