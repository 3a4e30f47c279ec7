package limit

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

func TestWaitingEndsWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trusted(t, Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100, Wait: 7 * time.Second})
		l := New(s)
		for use, want := range map[Use]time.Duration{Answering: readWait, Uploading: s.Wait, Connecting: readWait} {
			_, release := fill(l, []Caller{local}, use, 5000)
			begin := time.Now()
			h := l.Reservation(someone, use, nil)
			wantRefusal(t, l, h.Take(t.Context(), 1), reason.Overloaded, Memory)
			if took := time.Since(begin); took != want {
				t.Errorf("use %d: refused after %s, want %s", use, took, want)
			}
			release()
			wantIdle(t, l)
		}
		if got := l.Stats().Refused["memory"]; got != 3 {
			t.Errorf("%d refusals are counted, want 3", got)
		}
	})
}

func TestWaitingEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		_, release := fill(l, []Caller{local}, Answering, 900)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Reservation(someone, Answering, nil).Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		if got := l.Stats().Refused["memory"]; got != 0 {
			t.Errorf("%d refusals are counted of a caller that has left", got)
		}
		release()
		wantIdle(t, l)
	})
}

func TestWaitingEndsWithRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		_, release := fill(l, []Caller{local}, Answering, 900)
		h := l.Reservation(someone, Answering, nil)
		time.AfterFunc(time.Second, release)
		begin := time.Now()
		if err := h.Take(t.Context(), 500); err != nil || time.Since(begin) != time.Second || h.size() != 500 {
			t.Errorf("%v after %s, %d bytes", err, time.Since(begin), h.size())
		}
		h.Release()
		wantIdle(t, l)
	})
}

// Settings with a larger budget let waiting callers go on.
func TestWaitingEndsWithALargerBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		_, release := fill(l, []Caller{local}, Answering, 900)
		time.AfterFunc(time.Second, func() { l.Set(Settings{Memory: 10_000}) })
		h := l.Reservation(someone, Answering, nil)
		if err := h.Take(t.Context(), 500); err != nil {
			t.Error(err)
		}
		h.Release()
		release()
		wantIdle(t, l)
	})
}

func TestALargeClaimDoesNotKeepSmallOnesWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		_, releaseMost := fill(l, []Caller{local}, Answering, 800)
		_, releaseRest := fill(l, []Caller{local}, Answering, 100)
		large, small := l.Reservation(local, Answering, nil), l.Reservation(local, Answering, nil)
		done := make(chan error, 1)
		go func() { done <- large.Take(t.Context(), 600) }()
		synctest.Wait()
		time.AfterFunc(time.Second, releaseRest)
		if err := small.Take(t.Context(), 100); err != nil {
			t.Error(err)
		}
		small.Release()
		releaseMost()
		if err := <-done; err != nil {
			t.Error(err)
		}
		large.Release()
		wantIdle(t, l)
	})
}

// One address can neither take all places in the queue nor keep others from free memory.
func TestPlacesToWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		_, release := fill(l, []Caller{local}, Answering, 900)
		defer release()
		var all sync.WaitGroup
		take := func(c Caller) (waited bool) {
			begin := time.Now()
			wantRefusal(t, l, l.Reservation(c, Answering, nil).Take(t.Context(), 1), reason.Overloaded, Memory)
			return time.Since(begin) == readWait
		}
		for range maxWaiting / 2 {
			all.Go(func() { take(someone) })
		}
		synctest.Wait()
		if take(someone) {
			t.Error("one address has more than half of the places")
		}
		if len(l.memory.waiting) != maxWaiting/2 {
			t.Errorf("%d wait", len(l.memory.waiting))
		}
		if !take(neighbor) {
			t.Error("another address has no place")
		}
		all.Wait()
	})
}

// Many uploads have arrived in part and used up all the memory that they may have. One
// after the other gets the memory that it needs.
func TestHalfArrivedUploadsComeToAnEnd(t *testing.T) {
	const uploads, steps = 40, 6
	for name, callers := range map[string][]Caller{"many addresses": addresses(uploads), "one address": make([]Caller, uploads)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100, Wait: time.Hour})
				var all, halfway sync.WaitGroup
				most, release := fill(l, callers, Uploading, 10) // as many as may begin
				release()
				halfway.Add(most)
				for _, c := range callers[:most] {
					all.Go(func() {
						h := l.Reservation(c, Uploading, nil)
						defer h.Release()
						for step := range steps {
							if err := h.Take(t.Context(), 10); err != nil {
								t.Error(err)
							}
							if step == 0 {
								halfway.Done()
								halfway.Wait()
							}
							time.Sleep(time.Second) // the next part arrives
						}
					})
				}
				all.Wait()
				wantIdle(t, l)
			})
		})
	}
}

// A favorite that gets nothing in time makes room for the next. Frames of grpc's, which
// may stay for ever, are never the favorite.
func TestTheFavoriteDoesNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100, Wait: time.Second})
		_, releaseAnswers := fill(l, addresses(2), Answering, 400)
		_, releaseUploads := fill(l, addresses(1), Uploading, 100)
		first, second := l.Reservation(someone, Uploading, nil), l.Reservation(neighbor, Uploading, nil)
		frame := l.nobodys(Uploading)
		frame.lasts = true
		got := make(chan bool)
		go func() { got <- frame.claim(t.Context(), 100, time.Minute) }()
		synctest.Wait()
		if l.memory.favorite != nil {
			t.Error("a buffer is the favorite")
		}
		wantRefusal(t, l, first.Take(t.Context(), 10), reason.Overloaded, Memory)
		if l.memory.favorite != nil {
			t.Error("the favorite stays when it has been refused")
		}
		time.AfterFunc(time.Second/2, releaseAnswers)
		if err := second.Take(t.Context(), 500); err != nil || !<-got {
			t.Errorf("the next favorite: %v", err)
		}
		second.Shrink(0)
		if l.memory.favorite != nil {
			t.Error("the favorite stays when it has nothing")
		}
		frame.Release()
		releaseUploads()
		wantIdle(t, l)
	})
}
