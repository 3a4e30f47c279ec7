package limit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

func TestWorkWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 200, Wait: time.Minute}) // 100 to work with
		first, err := l.Work(t.Context(), 60, false)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			second, err := l.Work(t.Context(), 60, false)
			if err != nil {
				t.Error(err)
			}
			second.Release()
			second.Release() // again does nothing
		})
		synctest.Wait()
		small, err := l.Work(t.Context(), 40, false)
		if err != nil {
			t.Fatalf("a small one does not go before a large one that waits: %v", err)
		}
		first.Shrink(10)
		first.Shrink(50) // is no growing
		synctest.Wait()
		if held := l.Stats().UploadBytes; held != 50 {
			t.Errorf("%d bytes are held, want 50", held)
		}
		small.Release()
		wg.Wait()
		first.Release()
		if held := l.Stats().UploadBytes; held != 0 {
			t.Errorf("%d bytes are held at the end", held)
		}
	})
}

// When all room is held by uploads that need more, they come to their ends one
// after the other.
func TestUploadsThatAllNeedMoreComeToTheirEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 200, Wait: time.Minute})
		var wg sync.WaitGroup
		for range 4 {
			h, err := l.Work(t.Context(), 25, false)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				for range 3 {
					if err := h.grow(t.Context(), 25, false); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Millisecond) // others ask meanwhile
				}
				h.Release()
			})
		}
		wg.Wait()
		if l.Stats().UploadBytes != 0 || l.working.favorite != nil {
			t.Errorf("something is left: %+v", l.Stats())
		}
	})
}

func TestWorkIsRefusedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 200, Wait: 5 * time.Second})
		hold, err := l.Work(t.Context(), 1_000_000, false)
		if err != nil {
			t.Fatalf("what is larger than all there is, alone: %v", err)
		}
		begin := time.Now()
		_, err = l.Work(t.Context(), 1, false)
		wantRefusal(t, l, err, reason.Overloaded, Memory)
		if waited := time.Since(begin); waited != 5*time.Second {
			t.Errorf("waited %s", waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Work(ctx, 1, true); err == nil {
			t.Error("who has gone is given room")
		}
		if len(l.working.waiting) != 0 {
			t.Errorf("%d still wait", len(l.working.waiting))
		}
		hold.Release()
		if _, err := l.Work(t.Context(), 100, false); err != nil {
			t.Errorf("when there is room again: %v", err)
		}
	})
}

func TestMoreMemoryLetsInWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 200, Wait: time.Minute})
		if _, err := l.Work(t.Context(), 100, false); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := l.Work(t.Context(), 100, false)
			done <- err
		}()
		synctest.Wait()
		l.Set(Settings{Memory: 400})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNearTheMemoryLimitNoUploadBegins(t *testing.T) {
	l := New(Settings{Memory: 1000, Wait: time.Hour})
	l.Press(true)
	_, err := l.Work(t.Context(), 1, false)
	wantRefusal(t, l, err, reason.Overloaded, Memory)
	_, err = l.ArrivingUpload(someone)
	wantRefusal(t, l, err, reason.Overloaded, Memory)
	l.Press(false)
	if _, err := l.Work(t.Context(), 1, false); err != nil {
		t.Error(err)
	}
}

func TestInflate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Wait: time.Second})
		var done func()
		var err error
		for range cap(l.inflating) {
			if done, err = l.Inflate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_, err = l.Inflate(t.Context())
		wantRefusal(t, l, err, reason.Overloaded, Inflating)
		done()
		if _, err = l.Inflate(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What takes too long to arrive is cut off: after BodyTime, and before that if
// others cannot begin for it or memory is short.
func TestArrivals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Uploads: 1, BodyTime: time.Hour})
		cut := map[string]bool{}
		call := l.Arriving(OnCall, func() { cut["call"] = true })
		stream := l.Arriving(OnStream, func() { cut["stream"] = true })
		late := l.Arriving(OnCall, func() { cut["late"] = true })
		want := func(when string, names ...string) {
			t.Helper()
			if len(cut) != len(names) {
				t.Errorf("%s %v are cut off, want %v", when, cut, names)
			}
		}
		leave, err := l.ArrivingUpload(someone)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		late.Again()
		_, err = l.ArrivingUpload(neighbor)
		wantRefusal(t, l, err, reason.Overloaded, Uploads)
		want("when others cannot begin", "call")
		l.Tick()
		want("before the time is over", "call")
		late.Done()
		time.Sleep(time.Hour)
		stream.Again()
		l.Tick()
		want("a stream on which something came", "call")
		time.Sleep(time.Second)
		l.Press(true)
		want("when memory is short", "call", "stream")
		call.Done()
		leave()
		if len(l.arriving.open) != 0 || l.Stats().Uploads != 0 {
			t.Errorf("something is left: %v", l.arriving.open)
		}
	})
}
