package limit

import (
	"net/netip"
	"testing"

	"github.com/torrentcache/torrentcache/internal/origin"
)

// budgetOf returns limits of 1000 bytes: 100 are for connections, 400 of the others at most
// for uploads.
func budgetOf(t *testing.T) *Limits {
	t.Helper()
	return New(trusted(t, Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100}))
}

// addresses returns callers at n addresses.
func addresses(n int) []Caller {
	all := make([]Caller, n)
	for i := range all {
		all[i].Addr = netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
	}
	return all
}

// fill has each caller take n bytes until there is no room. It returns how many callers
// got them, and a function that gives all back.
func fill(l *Limits, callers []Caller, use Use, n int64) (got int, release func()) {
	var holds []*Reservation
	for _, c := range callers {
		h := l.Reservation(c, use, nil)
		if h.Try(n) {
			holds = append(holds, h)
		}
	}
	return len(holds), func() {
		for _, h := range holds {
			h.Release()
			h.Release() // a second time gives nothing back
		}
	}
}

// wantIdle checks that all memory was given back.
func wantIdle(t *testing.T, l *Limits) {
	t.Helper()
	m := &l.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != [uses]int64{} || len(m.parts)+len(m.waiting)+len(m.sending) > 0 || m.favorite != nil {
		t.Errorf("left over: %v held, %d parts, %d waiting, %d sending, favorite %v",
			m.held, len(m.parts), len(m.waiting), len(m.sending), m.favorite)
	}
}

func TestBoundsOfUses(t *testing.T) {
	l, many := budgetOf(t), addresses(200)
	answers, releaseAnswers := fill(l, many, Answering, 10)
	conns, releaseConns := fill(l, many, Connecting, 10)
	uploads, _ := fill(l, many, Uploading, 10)
	if answers != 90 || conns != 10 || uploads != 0 {
		t.Errorf("%d answers, %d connections, %d uploads; want 90, 10, 0", answers, conns, uploads)
	}
	releaseAnswers()
	uploads, releaseUploads := fill(l, many, Uploading, 10)
	answers, releaseAnswers = fill(l, many, Answering, 10)
	if answers != 50 || uploads != 40 {
		t.Errorf("%d answers, %d uploads; want 50, 40", answers, uploads)
	}
	if s := l.Stats(); s.MemoryBytes != 1000 || s.UploadBytes != 400 {
		t.Errorf("%+v", s)
	}
	releaseAnswers()
	releaseUploads()
	releaseConns()
	wantIdle(t, l)
}

func TestOneAddressHasHalfOfAUse(t *testing.T) {
	l := budgetOf(t)
	for use, want := range map[Use]int{Answering: 45, Uploading: 20, Connecting: 5} {
		same := make([]Caller, 200)
		for i := range same {
			same[i] = someone
		}
		got, release := fill(l, same, use, 10)
		others, releaseOthers := fill(l, []Caller{neighbor}, use, 10)
		if got != want || others != 1 {
			t.Errorf("use %d: one address got %d, want %d; another got %d, want 1", use, got, want, others)
		}
		release()
		releaseOthers()
	}
	wantIdle(t, l)
}

func TestTrustedAddressesHaveAllOfAUse(t *testing.T) {
	s := trusted(t, Settings{Memory: 1000, UploadMemory: 400, ConnectionMemory: 100})
	s.TrustedProxies = origin.Networks{netip.MustParsePrefix("192.0.2.0/24")}
	l := New(s)
	for _, c := range []Caller{local, {Addr: netip.MustParseAddr("192.0.2.1")}} {
		same := make([]Caller, 200)
		for i := range same {
			same[i] = c
		}
		got, release := fill(l, same, Uploading, 10)
		if got != 40 {
			t.Errorf("%v got %d, want 40", c.Addr, got)
		}
		release()
	}
	wantIdle(t, l)
}

func TestReservationLargerThanABoundFitsAlone(t *testing.T) {
	l := budgetOf(t)
	for _, use := range []Use{Answering, Uploading, Connecting} {
		h := l.Reservation(someone, use, nil)
		if !h.Try(2500) || !h.Try(2501) {
			t.Errorf("use %d: a large reservation does not fit into an empty budget", use)
		}
		if got, _ := fill(l, []Caller{someone, neighbor}, use, 1); got != 0 {
			t.Errorf("use %d: %d others fit beside it", use, got)
		}
		if got, release := fill(l, addresses(1), Connecting, 1); use != Connecting && got != 1 {
			t.Error("connections have lost their part to a large reservation")
		} else {
			release()
		}
		h.Release()
		_, release := fill(l, []Caller{someone}, use, 1)
		if h.Try(5000) {
			t.Errorf("use %d: it fits beside another", use)
		}
		release()
	}
	wantIdle(t, l)
}

func TestBoundsOfZeroAreNone(t *testing.T) {
	l := New(Settings{Memory: 1000})
	same := []Caller{someone, someone, someone, someone}
	if got, release := fill(l, same, Uploading, 400); got != 2 {
		t.Errorf("without a bound of their own %d uploads fit, want 2", got)
	} else {
		release()
	}
	l.Set(Settings{})
	if got, release := fill(l, same, Connecting, 1<<40); got != 4 {
		t.Errorf("without a budget %d fit", got)
	} else {
		release()
	}
	wantIdle(t, l)
}

func TestReservationGrowsAndShrinks(t *testing.T) {
	l := budgetOf(t)
	h := l.Reservation(someone, Answering, nil)
	for _, step := range []struct {
		do   func() error
		want int64
	}{
		{func() error { return h.Take(t.Context(), 100) }, 100},
		{func() error { return h.Take(t.Context(), -10) }, 100},
		{func() error { h.Shrink(200); return nil }, 100},
		{func() error { h.Shrink(30); return nil }, 30},
		{func() error { return h.Take(t.Context(), 10) }, 40},
		{func() error { _, err := h.Alloc(t.Context())(10); return err }, 50},
	} {
		if err := step.do(); err != nil || h.size() != step.want || l.Stats().MemoryBytes != step.want {
			t.Errorf("%v: the reservation has %d, want %d; in use are %d", err, h.size(), step.want, l.Stats().MemoryBytes)
		}
	}
	h.Release()
	wantIdle(t, l)
}

func TestNoReservationCountsNothing(t *testing.T) {
	h := ReservationOf(t.Context())
	b, err := h.Alloc(t.Context())(10)
	if err != nil || len(b) != 10 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if !h.Try(1) || !h.Share(NewShared(1)) || h.Use(t.Context(), NewShared(1)) != nil {
		t.Error("something is refused")
	}
	h.Shrink(0)
	h.Lend()()
	h.Release()
	if (*Conn)(nil).Reservation() != nil {
		t.Error("no connection has a reservation")
	}
	(*Conn)(nil).Sent(1)
}
