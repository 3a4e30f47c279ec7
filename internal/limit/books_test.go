package limit

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
)

var (
	someone  = Caller{Addr: netip.MustParseAddr("203.0.113.9")}
	neighbor = Caller{Addr: netip.MustParseAddr("203.0.113.10")}
	keyed    = Caller{Addr: someone.Addr, Name: "index"}
	local    = Caller{Addr: origin.Local}
	unknown  = Caller{Addr: origin.Unknown}
)

func trusted(t *testing.T, s Settings) Settings {
	t.Helper()
	if err := s.TrustedWriters.Set("127.0.0.0/8,::1"); err != nil {
		t.Fatal(err)
	}
	return s
}

// wantRefusal checks reason, that there is a time to come again, and the count.
func wantRefusal(t *testing.T, l *Limits, err error, r reason.Reason, k Kind) *reason.Error {
	t.Helper()
	e, ok := errors.AsType[*reason.Error](err)
	if !ok || e.Reason != r || e.RetryAfter() <= 0 {
		t.Fatalf("error %v, want %s with a time to try again", err, r)
	}
	if l.Stats().Refused[kindNames[k]] == 0 {
		t.Errorf("the refusal by %s is not counted", kindNames[k])
	}
	return e
}

func allowed(l *Limits, c Caller, most int) int {
	for n := range most {
		if l.Upload(c) != nil {
			return n
		}
	}
	return most
}

func TestUploadRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(trusted(t, Settings{UploadRate: 2, KeyUploadRate: 3}))
		for c, want := range map[Caller]int{someone: 20, neighbor: 20, unknown: 20, keyed: 30, local: 1000} {
			if got := allowed(l, c, 1000); got != want {
				t.Errorf("%v: %d uploads at once, want %d", c, got, want)
			}
		}
		e := wantRefusal(t, l, l.Upload(someone), reason.RateLimited, UploadRate)
		time.Sleep(e.RetryAfter())
		if got := allowed(l, someone, 1000); got != 1 {
			t.Errorf("after the time told %d uploads, want 1", got)
		}
		time.Sleep(time.Hour)
		if got := allowed(l, someone, 1000); got != 20 {
			t.Errorf("after an hour %d uploads, want 20", got)
		}
	})
}

func TestAwaitUpload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{UploadRate: 2})
		begin := time.Now()
		for range 20 + 10 {
			if err := l.AwaitUpload(t.Context(), someone); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("ten more than at once took %s, want 5 s", took)
		}
	})
}

func TestSameNetworkOfIPv6IsOneAddress(t *testing.T) {
	l := New(Settings{UploadRate: 1})
	a, b := Caller{Addr: netip.MustParseAddr("2001:db8:0:1::1")}, Caller{Addr: netip.MustParseAddr("2001:db8:0:1:ffff::2")}
	if got := allowed(l, a, 100) + allowed(l, b, 100); got != 10 {
		t.Errorf("%d uploads from one /64, want 10", got)
	}
	if got := allowed(l, Caller{Addr: netip.MustParseAddr("2001:db8:0:2::1")}, 100); got != 10 {
		t.Errorf("%d uploads from the next /64, want 10", got)
	}
}

func TestDownloadRate(t *testing.T) {
	l := New(trusted(t, Settings{DownloadRate: 1}))
	var err error
	for range 11 {
		err = l.Download(someone)
	}
	wantRefusal(t, l, err, reason.RateLimited, DownloadRate)
	for range 100 {
		if err := l.Download(local); err != nil {
			t.Fatal(err)
		}
	}
	l.Set(Settings{})
	if err := l.Download(someone); err != nil || l.DownloadsLimited() {
		t.Errorf("without a limit: %v", err)
	}
}

func TestBudgetOfNewBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(trusted(t, Settings{HourlyBytes: 100, DailyBytes: 250}))
		put := func(c Caller, n int64, isNew bool) error {
			settle, err := l.NewBytes(c, n)
			if err == nil {
				settle(isNew)
			}
			return err
		}
		for range 10 {
			if err := put(someone, 60, false); err != nil {
				t.Fatalf("what is not new costs: %v", err)
			}
		}
		if err := put(someone, 60, true); err != nil {
			t.Fatal(err)
		}
		e := wantRefusal(t, l, put(someone, 60, true), reason.RateLimited, NewBytes)
		if e.RetryAfter() != time.Hour {
			t.Errorf("try again after %s, want an hour", e.RetryAfter())
		}
		for _, c := range []Caller{neighbor, keyed, local, unknown} {
			if err := put(c, 60, true); err != nil {
				t.Errorf("%v: %v", c, err)
			}
		}
		wantRefusal(t, l, put(unknown, 60, true), reason.RateLimited, NewBytes)
		for n := range 3 {
			time.Sleep(time.Hour)
			if err := put(someone, 60, true); err != nil {
				t.Fatalf("hour %d: %v", n, err)
			}
		}
		time.Sleep(time.Hour)
		e = wantRefusal(t, l, put(someone, 60, true), reason.RateLimited, NewBytes) // 240 of the day's 250 are used
		time.Sleep(e.RetryAfter())
		if err := put(someone, 1000, true); err != nil {
			t.Errorf("one torrent larger than the budget, on a new day: %v", err)
		}
	})
}

func TestBookForgetsTheLongestUnseen(t *testing.T) {
	var b book[int, int]
	for i := range maxPages {
		b.update(i, func(v *int) { *v = i + 1 })
	}
	b.update(0, func(*int) {})         // seen again
	b.update(maxPages, func(*int) {})  // one too many
	b.update(0, func(v *int) { *v++ }) // still known
	seen := map[int]int{}
	for _, key := range []int{0, 1} {
		b.update(key, func(v *int) { seen[key] = *v })
	}
	if len(b.pages) != maxPages || b.order.Len() != maxPages || seen[0] != 2 || seen[1] != 0 {
		t.Errorf("%d pages, of 0 and 1 it has %v", len(b.pages), seen)
	}
}

func TestStreams(t *testing.T) {
	l := New(trusted(t, Settings{Streams: 3, StreamsPerAddress: 2}))
	var leaves []func()
	open := func(c Caller) error {
		leave, err := l.Stream(c)
		if err == nil {
			leaves = append(leaves, leave)
		}
		return err
	}
	if err := errors.Join(open(someone), open(someone)); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, l, open(someone), reason.RateLimited, StreamsPerAddress)
	if err := open(local); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, l, open(neighbor), reason.Overloaded, Streams)
	for _, leave := range leaves {
		leave()
	}
	if err := open(someone); err != nil || l.Stats().Streams != 1 || len(l.streams.by) != 1 {
		t.Errorf("when all have left: %v, %+v", err, l.Stats())
	}
}
