package limit

import (
	"net/netip"
	"time"
)

// account is what an address has stored: in the hour and the day that began with
// its first new bytes after the last one.
type account struct{ hour, day window }

type window struct {
	begun time.Time
	used  int64 // bytes
}

// roll begins a new window if this one is over.
func (w *window) roll(now time.Time, length time.Duration) {
	if now.Sub(w.begun) >= length {
		*w = window{begun: now}
	}
}

// budget bounds the new bytes of each address.
type budget struct{ book[netip.Prefix, account] }

const day = 24 * time.Hour

// reserve takes n bytes at now. If they do not fit it takes none and returns
// when they may; what is larger than a whole budget fits an empty one.
func (b *budget) reserve(of netip.Prefix, n int64, s *Settings, now time.Time) (wait time.Duration) {
	b.update(of, func(a *account) {
		a.hour.roll(now, time.Hour)
		a.day.roll(now, day)
		if s.HourlyBytes > 0 && a.hour.used > 0 && a.hour.used+n > s.HourlyBytes {
			wait = time.Hour - now.Sub(a.hour.begun)
		}
		if s.DailyBytes > 0 && a.day.used > 0 && a.day.used+n > s.DailyBytes {
			wait = day - now.Sub(a.day.begun)
		}
		if wait == 0 {
			a.hour.used += n
			a.day.used += n
		}
	})
	return wait
}

// add counts n bytes without asking; a negative n gives back what was reserved.
func (b *budget) add(to netip.Prefix, n int64, now time.Time) {
	b.update(to, func(a *account) {
		a.hour.roll(now, time.Hour)
		a.day.roll(now, day)
		a.hour.used = max(0, a.hour.used+n)
		a.day.used = max(0, a.day.used+n)
	})
}
