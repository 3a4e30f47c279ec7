package limit

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// collected runs the collector until there are want bytes in use.
func collected(t *testing.T, l *Limits, want int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); l.Stats().MemoryBytes != want; {
		if time.Now().After(end) {
			t.Fatalf("%d bytes in use, want %d", l.Stats().MemoryBytes, want)
		}
		runtime.GC()
		runtime.Gosched()
	}
}

func TestBuffersAreUsedAgain(t *testing.T) {
	l := New(Settings{Memory: 1 << 20, UploadMemory: 1 << 20})
	pool := l.Buffers(Uploading)
	first := pool.Get(10)
	at := &(*first)[0]
	if len(*first) != 10 || l.Stats().UploadBytes != frame {
		t.Errorf("%d bytes, %d in use", len(*first), l.Stats().UploadBytes)
	}
	pool.Put(first)
	again := pool.Get(frame)
	if len(*again) != frame || &(*again)[0] != at || l.Stats().UploadBytes != frame {
		t.Errorf("another buffer of %d bytes, %d in use", len(*again), l.Stats().UploadBytes)
	}
	*again = (*again)[1:] // as grpc does with one that has padding
	pool.Put(again)
	if len(pool.idle) != 0 {
		t.Error("a buffer without its front is kept")
	}
	large := pool.Get(100_000)
	if len(*large) != 100_000 {
		t.Errorf("a large buffer has %d bytes", len(*large))
	}
	pool.Put(large)
	if len(pool.idle) != 0 {
		t.Error("a large buffer is kept")
	}
	runtime.KeepAlive(again)
}

func TestBuffersAreGivenBackAsGarbage(t *testing.T) {
	l := New(Settings{Memory: 16 << 20, UploadMemory: 16 << 20})
	pool := l.Buffers(Uploading)
	var kept []*[]byte
	for range idleFrames + 100 {
		kept = append(kept, pool.Get(frame))
	}
	if got := l.Stats().UploadBytes; got != (idleFrames+100)*frame {
		t.Errorf("%d bytes in use", got)
	}
	for _, b := range kept[:10] {
		pool.Put(b)
	}
	if got := l.Stats().UploadBytes; got != (idleFrames+90)*frame {
		t.Errorf("%d bytes in use after ten buffers came back", got)
	}
	runtime.KeepAlive(kept)
	kept = nil
	collected(t, l, 0)
	if len(pool.lent) != 0 {
		t.Errorf("%d buffers are taken for lent", len(pool.lent))
	}
	wantIdle(t, l)
}

func TestReserveTakesTheCopyOfAMessage(t *testing.T) {
	l := New(Settings{Memory: 1000, UploadMemory: 1000})
	free, ok := l.Buffers(Uploading).Reserve(300, false)
	if !ok || l.Stats().UploadBytes != 300 {
		t.Errorf("%v, %d in use", ok, l.Stats().UploadBytes)
	}
	free()
	wantIdle(t, l)
}

func TestReserveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 1000, UploadMemory: 1000, Wait: time.Second})
		_, release := fill(l, addresses(2), Answering, 500)
		for patient, want := range map[bool]time.Duration{false: time.Second, true: patience} {
			begin := time.Now()
			free, ok := l.Buffers(Uploading).Reserve(300, patient)
			if took := time.Since(begin); ok || took != want {
				t.Errorf("patient %v: %v after %s", patient, ok, took)
			}
			free()
		}
		release()
		wantIdle(t, l)
	})
}

// A frame is here already. When there is no memory for it in time, the messages that began last to
// arrive are cut off, one after the other, and in the end the frame is taken.
func TestFramesAreTakenInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 1 << 20, UploadMemory: 1 << 20})
		_, release := fill(l, addresses(2), Answering, 1<<19)
		cut := 0
		for range 2 {
			l.Arriving(someone, OnCall, func() { cut++ })
		}
		l.Arriving(someone, OnStream, func() { t.Error("a stream is cut") })
		begin := time.Now()
		b := l.Buffers(Uploading).Get(100)
		if took := time.Since(begin); len(*b) != 100 || took != 3*frameWait || cut != 2 {
			t.Errorf("%d bytes after %s, %d uploads were cut", len(*b), took, cut)
		}
		if s := l.Stats(); s.UploadBytes != frame || s.Refused["memory"] != 2 {
			t.Errorf("%+v", s)
		}
		release()
	})
}

// Memory that has become garbage is found when it is lacking.
func TestGarbageIsCollectedWhenItLacks(t *testing.T) {
	l := New(Settings{Memory: 4 * frame, UploadMemory: 4 * frame})
	pool := l.Buffers(Uploading)
	for range 20 {
		pool.Get(frame) // and forget it
	}
	h := l.Reservation(someone, Uploading, nil)
	if err := h.take(t.Context(), 2*frame, time.Minute); err != nil {
		t.Error(err)
	}
	h.Release()
	collected(t, l, 0)
	if got := l.Stats().Refused["memory"]; got != 0 {
		t.Errorf("%d refusals", got)
	}
}

// Memory that becomes garbage while somebody waits is found, too.
func TestGarbageIsCollectedWhileSomebodyWaits(t *testing.T) {
	l := New(Settings{Memory: frame, UploadMemory: frame})
	used := l.Buffers(Uploading).Get(frame)
	got := make(chan error)
	go func() { got <- l.Reservation(someone, Uploading, nil).take(t.Context(), 1, time.Minute) }()
	for l.collected.Load() == 0 { // in vain
		runtime.Gosched()
	}
	runtime.KeepAlive(used)
	used = nil
	tick := time.NewTicker(collectEach)
	defer tick.Stop()
	for {
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
			return
		case now := <-tick.C:
			l.Tick(now)
		}
	}
}

func TestAllocate(t *testing.T) {
	l := New(Settings{})
	for _, n := range []int{0, 1, large, 3 * large} {
		if got := len(l.allocate(n)); got != n {
			t.Errorf("%d bytes, want %d", got, n)
		}
	}
}
