package upstream

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

func numbered(n uint64) infohash.ID {
	var digest [infohash.SizeV1]byte
	binary.BigEndian.PutUint64(digest[:], n)
	return infohash.V1(digest)
}

// note ends a search for id.
func (t *table) note(tb testing.TB, id infohash.ID, state State, age time.Duration) {
	tb.Helper()
	s, _, isNew := t.begin(id)
	if !isNew {
		tb.Fatalf("%v is known", id)
	}
	t.end(id, s, state, age)
}

func (t *table) wants(tb testing.TB, id infohash.ID, want State) {
	tb.Helper()
	if got, _ := t.look(id); got != want {
		tb.Errorf("%v is %q, want %q", id, got, want)
	}
}

func TestWhatIsRememberedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := newTable()
		known.note(t, numbered(1), Absent, absentAge)
		known.note(t, numbered(2), Failed, failedAge)
		known.note(t, numbered(3), Busy, 0)
		known.wants(t, numbered(1), Absent)
		known.wants(t, numbered(2), Failed)
		known.wants(t, numbered(3), Unasked)
		time.Sleep(failedAge)
		known.wants(t, numbered(1), Absent)
		known.wants(t, numbered(2), Unasked)
		time.Sleep(absentAge)
		known.wants(t, numbered(1), Unasked)
	})
}

// Memory is bounded, however many ids are asked for, and the ids asked for last are remembered.
func TestMemoryIsBounded(t *testing.T) {
	known := newTable()
	const n = 5 * maxRemembered
	for i := range uint64(n) {
		known.note(t, numbered(i), Absent, absentAge)
	}
	if have := len(known.recent) + len(known.before); have > 2*maxRemembered {
		t.Errorf("%d are remembered", have)
	}
	known.wants(t, numbered(0), Unasked)
	known.wants(t, numbered(n-maxRemembered), Absent)
	known.wants(t, numbered(n-1), Absent)
}

func TestSearchesAreBounded(t *testing.T) {
	known := newTable()
	for i := range uint64(maxFlights) {
		if _, _, isNew := known.begin(numbered(i)); !isNew {
			t.Fatalf("search %d does not begin", i)
		}
	}
	if _, state, isNew := known.begin(numbered(maxFlights)); isNew || state != Busy {
		t.Errorf("one more is %q", state)
	}
	if s, state, isNew := known.begin(numbered(0)); isNew || state != Asking || s == nil {
		t.Errorf("one that is under way is %q", state)
	}
}

// The answer of a search that began before a put is not remembered.
func TestForget(t *testing.T) {
	known, id := newTable(), numbered(1)
	for name, forget := range map[string]infohash.Set{"its ids": {V1: id}, "all": {}} {
		known.note(t, id, Absent, absentAge)
		known.forget(forget)
		known.wants(t, id, Unasked)
		s, _, _ := known.begin(id)
		known.forget(forget)
		known.end(id, s, Absent, absentAge)
		known.wants(t, id, Unasked)
		if s.state != Absent {
			t.Errorf("%s: who waited is told %q", name, s.state)
		}
	}
}
