package limit

import (
	"testing"
	"testing/synctest"
)

func TestSharedMemoryIsCountedOnce(t *testing.T) {
	l := budgetOf(t)
	s := NewShared(100)
	first, second := l.Reservation(someone, Answering, nil), l.Reservation(neighbor, Answering, nil)
	for _, h := range []*Reservation{first, second, second} { // one call may use it twice
		if !h.Share(s) {
			t.Fatal("there is no room")
		}
	}
	if got := l.Stats().MemoryBytes; got != 100 {
		t.Errorf("%d bytes for one torrent of 100", got)
	}
	first.Release()
	first.Release()
	if got := l.Stats().MemoryBytes; got != 100 {
		t.Errorf("%d bytes while one still uses it", got)
	}
	second.Release()
	wantIdle(t, l)
	if !first.Share(s) || l.Stats().MemoryBytes != 100 {
		t.Error("it cannot be used again")
	}
	first.Release()
	wantIdle(t, l)
}

// Where there is no room for shared memory, a call waits for memory of its own.
func TestUseWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		_, release := fill(l, []Caller{local}, Answering, 850)
		s, h := NewShared(100), l.Reservation(someone, Answering, nil)
		if h.Share(s) {
			t.Error("it fits where there is no room")
		}
		if err := h.Use(t.Context(), s); err == nil {
			t.Error("it is used where there is no room")
		}
		release()
		if err := h.Use(t.Context(), s); err != nil || l.Stats().MemoryBytes != 100 {
			t.Errorf("%v, %d bytes in use", err, l.Stats().MemoryBytes)
		}
		h.Release()
		wantIdle(t, l)
	})
}
