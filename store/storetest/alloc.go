package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// errNoMemory is the error of an Alloc that has no memory left. It wraps errors of package store,
// which the store under test must not take for its own.
var errNoMemory = errors.Join(errors.New("no memory"), store.ErrUnavailable, store.ErrDamaged)

// scratch is an Alloc that returns the same memory each time, with more bytes than requested.
type scratch struct {
	memory []byte
	asked  []int
}

func newScratch() *scratch { return &scratch{memory: bytes.Repeat([]byte{0xa5}, 64<<10)} }

func (s *scratch) alloc(n int) ([]byte, error) {
	s.asked = append(s.asked, n)
	return s.memory, nil
}

// has reports whether b lies in the memory.
func (s *scratch) has(b []byte) bool {
	for i := range s.memory {
		if &s.memory[i] == &b[0] {
			return i+len(b) <= len(s.memory)
		}
	}
	return false
}

func testAlloc(t *testing.T, b *bench) {
	t.Run("is where the bytes lie", func(t *testing.T) { inAllocated(b.open(t)) })
	t.Run("that refuses ends the read", func(t *testing.T) { refusingAlloc(t, b.open(t)) })
	t.Run("is not asked for nothing", func(t *testing.T) { unaskedAlloc(t, b.open(t)) })
	t.Run("does not hide damage", func(t *testing.T) { damagedInAllocated(t, b.open(t)) })
	t.Run("holds up nobody else", func(t *testing.T) { slowAlloc(t, b.open(t)) })
}

// inAllocated reads torrents of several sizes twice, because the second read may come from a cache.
func inAllocated(f *fixture) {
	for i, size := range []int{100, 3000, 40_000} {
		item := Torrent(shapes[i], uint64(i), size, 0)
		f.put(item, store.Created)
		for range 2 {
			for _, id := range item.IDs.All() {
				f.holdsIn(newScratch(), id, item)
			}
		}
	}
}

// holdsIn fails unless Get of id returns item's bytes, in memory of s if the store asked for any.
func (f *fixture) holdsIn(s *scratch, id infohash.ID, item store.Item) {
	f.t.Helper()
	got, err := f.Get(f.t.Context(), id, s.alloc)
	if err != nil || !bytes.Equal(got.Bytes, item.Torrent) || got.IDs != item.IDs || got.Version != store.VersionOf(item.Torrent) {
		f.t.Fatalf("Get(%v) into an Alloc = %v, or another torrent than was put", id, err)
	}
	for _, n := range s.asked {
		if n < len(item.Torrent) || n > len(item.Torrent)+1<<10 {
			f.t.Fatalf("Get(%v) asked for %d bytes for a torrent of %d", id, n, len(item.Torrent))
		}
	}
	if len(s.asked) > 0 && !s.has(got.Bytes) {
		f.t.Fatalf("Get(%v) asked for memory %d times, but what it returned lies elsewhere", id, len(s.asked))
	}
}

func refusingAlloc(t *testing.T, f *fixture) {
	item := Torrent(Hybrid, 1, 3000, 0)
	f.put(item, store.Created)
	end, err := f.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, id := range item.IDs.All() {
			asked := 0
			_, err := f.Get(t.Context(), id, func(int) ([]byte, error) { asked++; return nil, errNoMemory })
			if asked > 1 || asked == 1 && !errors.Is(err, errNoMemory) || asked == 0 && err != nil {
				t.Errorf("Get(%v) asked an Alloc that refuses %d times, error %v", id, asked, err)
			}
			f.has(true, id)
			f.holdsIn(newScratch(), id, item)
		}
	}
	f.holds(item)
	if now, err := f.End(t.Context()); err != nil || now != end {
		t.Errorf("the end of the feed was %v and is %v, %v, after nothing but reads", end, now, err)
	}
}

func unaskedAlloc(t *testing.T, f *fixture) {
	removed, ahead, unknown := Torrent(Hybrid, 1, 3000, 0), Torrent(V1, 2, 1, 0).IDs.V1, Torrent(Hybrid, 3, 1, 0).IDs
	f.put(removed, store.Created)
	f.remove(removed.IDs.V1, "a removed torrent")
	f.remove(ahead, "in advance")
	for want, ids := range map[error][]infohash.ID{
		store.ErrRemoved:  append(removed.IDs.All(), ahead),
		store.ErrNotFound: append(unknown.All(), infohash.ID{}),
	} {
		for _, id := range ids {
			s := newScratch()
			if _, err := f.Get(t.Context(), id, s.alloc); !errors.Is(err, want) || len(s.asked) > 0 {
				t.Errorf("Get(%v) asked for memory %d times, error %v; want none and %v", id, len(s.asked), err, want)
			}
		}
	}
	var why *store.RemovedError
	if _, err := f.Get(t.Context(), removed.IDs.V2, newScratch().alloc); !errors.As(err, &why) || why.Removal.Reason != "a removed torrent" {
		t.Errorf("Get = %v, want the reason of the removal", err)
	}
	f.restore(removed.IDs.V1, nil)
	f.holdsIn(newScratch(), removed.IDs.V2, removed)
}

func damagedInAllocated(t *testing.T, f *fixture) {
	item := Torrent(V2, 1, 3000, 0)
	f.put(item, store.Created)
	f.opener.Damage(t, f.Store, item.IDs.V2)
	if _, err := f.Get(t.Context(), item.IDs.V2, newScratch().alloc); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Get into an Alloc = %v, want ErrDamaged", err)
	}
	f.put(item, store.Healed)
	f.holdsIn(newScratch(), item.IDs.V2, item)
}

// slowAlloc erases a torrent while its reader waits for memory. The removal must not wait for the
// reader. The reader may get the bytes or an error, but no other bytes.
func slowAlloc(t *testing.T, f *fixture) {
	item := Torrent(V1, 1, 3000, 0)
	f.put(item, store.Created)
	for range 2 {
		s := newScratch()
		got, err := f.Get(t.Context(), item.IDs.V1, func(n int) ([]byte, error) {
			if err := Remove(t.Context(), f, item.IDs.V1, store.Removal{Erase: true}); err != nil {
				t.Errorf("Remove = %v", err)
			}
			return s.alloc(n)
		})
		if !errors.Is(err, store.ErrRemoved) && (err != nil || !bytes.Equal(got.Bytes, item.Torrent)) {
			t.Errorf("Get of what is erased meanwhile = %v, or other bytes than were put", err)
		}
		if len(s.asked) > 0 {
			f.lacks(store.ErrRemoved, item.IDs.V1)
			f.restore(item.IDs.V1, nil)
			f.put(item, store.Created)
		}
	}
}
