package limit

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// arrivingFor notes arrivals that have been going on for that long, on a call and on a
// stream, and returns which were cut.
func arrivingFor(l *Limits, age time.Duration) *[2]bool {
	cut := &[2]bool{}
	l.Arriving(someone, OnCall, func() { cut[OnCall] = true })
	l.Arriving(someone, OnStream, func() { cut[OnStream] = true })
	time.Sleep(age)
	return cut
}

func TestArrivalsAreCutOff(t *testing.T) {
	both, call := [2]bool{true, true}, [2]bool{OnCall: true}
	for name, c := range map[string]struct {
		age  time.Duration
		do   func(*testing.T, *Limits)
		want [2]bool
	}{
		"in time":  {time.Minute, func(_ *testing.T, l *Limits) { l.Tick(time.Now()) }, [2]bool{}},
		"too long": {time.Minute + 1, func(_ *testing.T, l *Limits) { l.Tick(time.Now()) }, both},
		"others have no memory": {stall + 1, func(t *testing.T, l *Limits) {
			wantRefusal(t, l, l.NoMemory(Uploading), reason.Overloaded, Memory)
		}, both},
		"others have none a moment later": {stall, func(_ *testing.T, l *Limits) { _ = l.NoMemory(Uploading) }, [2]bool{}},
		"answers have none":               {stall + 1, func(_ *testing.T, l *Limits) { _ = l.NoMemory(Answering) }, [2]bool{}},
		"others may not begin": {stall + 1, func(t *testing.T, l *Limits) {
			leave, err := l.ArrivingUpload(someone)
			if err != nil {
				t.Fatal(err)
			}
			defer leave()
			_, err = l.ArrivingUpload(neighbor)
			wantRefusal(t, l, err, reason.Overloaded, Uploads)
		}, call},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Settings{BodyTime: time.Minute, Uploads: 1})
				cut := arrivingFor(l, c.age)
				c.do(t, l)
				n := int64(0)
				for _, was := range cut {
					if was {
						n++
					}
				}
				if *cut != c.want || l.Stats().Refused["body_time"] != n {
					t.Errorf("cut are %v, want %v; counted are %d", *cut, c.want, l.Stats().Refused["body_time"])
				}
			})
		})
	}
}

func TestArrivalsThatAreDoneOrBeginAgainAreNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{BodyTime: time.Minute})
		fail := func() { t.Error("it is cut off") }
		done, again := l.Arriving(someone, OnCall, fail), l.Arriving(someone, OnStream, fail)
		time.Sleep(time.Minute)
		done.Done()
		again.Again()
		time.Sleep(time.Second)
		l.Tick(time.Now())
		again.Done()
		again.Again() // by a goroutine that still receives
		if len(l.arriving.open) != 0 {
			t.Errorf("%d arrivals stay", len(l.arriving.open))
		}
	})
}

// The message that began last at the address from which most arrives makes room, one at a time.
func TestRoomIsMadeByTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Settings{})
		var cut []string
		arrive := func(c Caller, on Carrier, name string) {
			l.Arriving(c, on, func() { cut = append(cut, name) })
			time.Sleep(time.Millisecond)
		}
		if n, any := l.arriving.makeRoom(time.Now(), l.nobodys(Uploading)); n != 0 || any {
			t.Errorf("%d of nothing were cut, %v", n, any)
		}
		arrive(someone, OnCall, "first")
		arrive(someone, OnCall, "second")
		arrive(neighbor, OnCall, "a neighbor's")
		arrive(someone, OnStream, "a stream's")
		for _, step := range []struct {
			pause time.Duration
			want  []string
		}{
			{0, []string{"second"}},
			{roomEach - 1, []string{"second"}},
			{1, []string{"second", "a neighbor's"}},
			{roomEach, []string{"second", "a neighbor's", "first"}},
		} {
			time.Sleep(step.pause)
			if _, any := l.arriving.makeRoom(time.Now(), l.nobodys(Uploading)); !any || !slices.Equal(cut, step.want) {
				t.Errorf("after %s more %v were cut, %v; want %v", step.pause, cut, any, step.want)
			}
		}
		if _, any := l.arriving.makeRoom(time.Now(), l.nobodys(Uploading)); any {
			t.Error("a stream makes room")
		}
	})
}
