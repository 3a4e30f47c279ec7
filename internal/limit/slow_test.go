package limit

import (
	"testing"
	"testing/synctest"
	"time"
)

// reader is a client that has 100 bytes of an answer outstanding.
type reader struct {
	conn     *fakeConn
	know     *Conn
	reserved *Reservation
}

func newReader(t *testing.T, l *Limits, c Caller) reader {
	t.Helper()
	_, inner, known := connect(t, l, c, 1)
	h := known.Reservation()
	if !h.Try(100) {
		t.Fatal("there is no room")
	}
	return reader{inner, known, h}
}

// want has a caller ask for more than there is.
func want(t *testing.T, l *Limits, c Caller, use Use) {
	t.Helper()
	if l.Reservation(c, use, nil).Try(900) {
		t.Fatal("there is room")
	}
}

// pass lets time pass as the ticks of a second do.
func pass(l *Limits, d time.Duration) {
	for range d / time.Second {
		time.Sleep(time.Second)
		l.Tick(time.Now())
	}
}

func TestSlowClientsAreCutOnlyWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		r := newReader(t, l, someone)
		pass(l, 10*time.Minute)
		if r.conn.closed > 0 {
			t.Fatal("a slow client is cut while there is room")
		}
		want(t, l, local, Answering)
		pass(l, 10*time.Second)
		if r.conn.closed != 1 || l.Stats().Refused["slow_reader"] != 1 {
			t.Errorf("closed %d times, counted are %d", r.conn.closed, l.Stats().Refused["slow_reader"])
		}
		r.reserved.Release()
		r.know.leave()
		wantIdle(t, l)
	})
}

func TestHalfAMinuteIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		r := newReader(t, l, someone)
		for range slowTime/time.Second - 1 {
			want(t, l, local, Answering)
			pass(l, time.Second)
		}
		if r.conn.closed > 0 {
			t.Fatal("cut before half a minute is over")
		}
		pass(l, time.Second)
		if r.conn.closed != 1 {
			t.Error("not cut after half a minute")
		}
	})
}

// Those wait, too, that wait for longer than a refusal counts.
func TestAClaimThatWaitsIsWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(trusted(t, Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100, Wait: time.Minute}))
		_, release := fill(l, addresses(2), Answering, 390)
		r := newReader(t, l, someone)
		go func() { _ = l.Reservation(local, Uploading, nil).Take(t.Context(), 100) }()
		pass(l, slowTime)
		if r.conn.closed != 1 {
			t.Error("not cut while an upload waits")
		}
		pass(l, time.Minute)
		release()
	})
}

func TestProgressKeepsAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		steady, hasty, idle := newReader(t, l, someone), newReader(t, l, someone), newReader(t, l, someone)
		idle.reserved.Release() // has all that it asked for
		for second := range 300 {
			want(t, l, local, Answering)
			steady.know.Sent(slowRate + 1)
			if second%30 == 0 {
				hasty.know.Sent(31 * slowRate)
			}
			pass(l, time.Second)
		}
		for name, r := range map[string]reader{"steady": steady, "hasty": hasty, "idle": idle} {
			if r.conn.closed > 0 {
				t.Errorf("the %s client is cut", name)
			}
		}
		steady.reserved.Release()
		hasty.reserved.Release()
		if len(l.memory.sending) > 0 || !steady.know.marked.IsZero() {
			t.Error("clients that have all are still watched")
		}
	})
}

// Slow in the last half minute, a client that takes enough now stays, even if others begin
// to wait just now.
func TestAClientThatHasRecoveredStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := budgetOf(t)
		r := newReader(t, l, someone)
		pass(l, slowTime)
		r.know.Sent(1 << 20)
		pass(l, 2*time.Second)
		want(t, l, local, Answering)
		pass(l, 2*time.Second)
		if r.conn.closed > 0 {
			t.Error("it is cut")
		}
	})
}

// A lack of memory in an address's own half cuts only its own slow clients. A lack of
// memory in the bound of uploads cuts none.
func TestWhoseWantCutsWhom(t *testing.T) {
	for name, c := range map[string]struct {
		by         Caller
		use        Use
		own, other int
	}{
		"room":           {local, Answering, 1, 1},
		"connections":    {local, Connecting, 1, 1},
		"one's own half": {someone, Answering, 1, 0},
		"uploads":        {local, Uploading, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := budgetOf(t)
				own, other := newReader(t, l, someone), newReader(t, l, neighbor)
				n := int64(900)
				if c.by == someone {
					n = 450
				}
				if c.use == Uploading {
					n = 350
					fill(l, addresses(1), Uploading, 100)
				}
				pass(l, slowTime)
				if l.Reservation(c.by, c.use, nil).Try(n) {
					t.Fatal("there is room")
				}
				pass(l, time.Second)
				if own.conn.closed != c.own || other.conn.closed != c.other {
					t.Errorf("its own client is cut %d times, another %d times; want %d, %d", own.conn.closed, other.conn.closed, c.own, c.other)
				}
			})
		})
	}
}
