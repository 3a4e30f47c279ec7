package store_test

import (
	"testing"

	"github.com/torrentcache/torrentcache/store"
)

func TestCursorAsText(t *testing.T) {
	for _, c := range []store.Cursor{{}, {Epoch: 1, Sequence: 2}, {Epoch: ^uint64(0), Sequence: ^uint64(0)}} {
		if got, ok := store.ParseCursor(c.String()); !ok || got != c {
			t.Errorf("%v becomes %q becomes %v, %v", c, c.String(), got, ok)
		}
	}
	if c, ok := store.ParseCursor(""); !ok || c != (store.Cursor{}) {
		t.Errorf("no text is %v, %v", c, ok)
	}
	for _, text := range []string{"now", "1", "1-", "-1", "01-2", "1-2-3", "1-x", "A-B", "10000000000000000-0"} {
		if c, ok := store.ParseCursor(text); ok {
			t.Errorf("%q is taken for %v", text, c)
		}
	}
}

// Exactly the texts that cursors are written as are taken for cursors, so that nobody's
// feed goes on from a place that was never named.
func FuzzParseCursor(f *testing.F) {
	for _, text := range []string{"", "1-2", "ffffffffffffffff-ffffffffffffffff", "01-2", "1-2-3", "-1", "+1-2", "1-0x2"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := store.ParseCursor(text)
		if ok && text != "" && c.String() != text {
			t.Errorf("%q is taken for %s", text, c)
		}
		if again, ok := store.ParseCursor(c.String()); !ok || again != c {
			t.Errorf("%s is read back as %s, %t", c, again, ok)
		}
	})
}
