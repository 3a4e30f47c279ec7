package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// errNoRoom is what a room answers that has none. Rooms may say so with an error of a
// store, which must not be taken for one of the store that asks.
var errNoRoom = errors.Join(errors.New("no room"), store.ErrUnavailable, store.ErrDamaged)

// scratch is a room that gives the same memory each time, longer than it is asked for.
type scratch struct {
	memory []byte
	asked  []int
}

func newScratch() *scratch { return &scratch{memory: bytes.Repeat([]byte{0xa5}, 64<<10)} }

func (s *scratch) room(n int) ([]byte, error) {
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

func testRoom(t *testing.T, b *bench) {
	t.Run("is where the bytes lie", func(t *testing.T) { inRoom(b.open(t)) })
	t.Run("that refuses ends the read", func(t *testing.T) { refusingRoom(t, b.open(t)) })
	t.Run("is not asked for nothing", func(t *testing.T) { unaskedRoom(t, b.open(t)) })
	t.Run("does not hide damage", func(t *testing.T) { damagedInRoom(t, b.open(t)) })
	t.Run("holds up nobody else", func(t *testing.T) { slowRoom(t, b.open(t)) })
}

// inRoom reads torrents of several sizes twice: what comes first from elsewhere may then
// come from a cache.
func inRoom(f *fixture) {
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

// holdsIn fails unless id gives item's bytes, in memory of s if the store asked for any.
func (f *fixture) holdsIn(s *scratch, id infohash.ID, item store.Item) {
	f.t.Helper()
	got, err := f.Get(f.t.Context(), id, s.room)
	if err != nil || !bytes.Equal(got.Bytes, item.Torrent) || got.IDs != item.IDs || got.Version != store.VersionOf(item.Torrent) {
		f.t.Fatalf("Get(%v) into a room = %v, or another torrent than was put", id, err)
	}
	for _, n := range s.asked {
		if n < len(item.Torrent) || n > len(item.Torrent)+1<<10 {
			f.t.Fatalf("Get(%v) asked for %d bytes for a torrent of %d", id, n, len(item.Torrent))
		}
	}
	if len(s.asked) > 0 && !s.has(got.Bytes) {
		f.t.Fatalf("Get(%v) asked for room %d times, but what it returned lies elsewhere", id, len(s.asked))
	}
}

func refusingRoom(t *testing.T, f *fixture) {
	item := Torrent(Hybrid, 1, 3000, 0)
	f.put(item, store.Created)
	end, err := f.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, id := range item.IDs.All() {
			asked := 0
			_, err := f.Get(t.Context(), id, func(int) ([]byte, error) { asked++; return nil, errNoRoom })
			if asked > 1 || asked == 1 && !errors.Is(err, errNoRoom) || asked == 0 && err != nil {
				t.Errorf("Get(%v) asked a room that refuses %d times, error %v", id, asked, err)
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

func unaskedRoom(t *testing.T, f *fixture) {
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
			if _, err := f.Get(t.Context(), id, s.room); !errors.Is(err, want) || len(s.asked) > 0 {
				t.Errorf("Get(%v) asked for room %d times, error %v; want none and %v", id, len(s.asked), err, want)
			}
		}
	}
	var why *store.RemovedError
	if _, err := f.Get(t.Context(), removed.IDs.V2, newScratch().room); !errors.As(err, &why) || why.Removal.Reason != "a removed torrent" {
		t.Errorf("Get = %v, want the reason of the removal", err)
	}
	f.restore(removed.IDs.V1, nil)
	f.holdsIn(newScratch(), removed.IDs.V2, removed)
}

func damagedInRoom(t *testing.T, f *fixture) {
	item := Torrent(V2, 1, 3000, 0)
	f.put(item, store.Created)
	f.opener.Damage(t, f.Store, item.IDs.V2)
	if _, err := f.Get(t.Context(), item.IDs.V2, newScratch().room); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Get into a room = %v, want ErrDamaged", err)
	}
	f.put(item, store.Healed)
	f.holdsIn(newScratch(), item.IDs.V2, item)
}

// slowRoom has the torrent erased while its reader waits for room: that must not wait for
// the reader, who may get the bytes or not, but no others.
func slowRoom(t *testing.T, f *fixture) {
	item := Torrent(V1, 1, 3000, 0)
	f.put(item, store.Created)
	for range 2 {
		s := newScratch()
		got, err := f.Get(t.Context(), item.IDs.V1, func(n int) ([]byte, error) {
			if err := Remove(t.Context(), f, item.IDs.V1, store.Removal{Erase: true}); err != nil {
				t.Errorf("Remove = %v", err)
			}
			return s.room(n)
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
