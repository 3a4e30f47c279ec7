package limit

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// maxPages is the maximum number of callers in a book: some 16 MB in all.
const maxPages = 1 << 16

// book keeps a V for each recently seen K, and forgets the least recently seen first. A cache
// that prefers frequent keys, such as otter, is unsuitable: when full, it forgets some newcomers
// at once, and those would have no limit.
type book[K comparable, V any] struct {
	mu    sync.Mutex
	pages map[K]*list.Element // of *page[K, V]; guarded by mu
	order list.List           // most recently used first; guarded by mu
}

type page[K comparable, V any] struct {
	key   K
	value V
}

// update calls change with the value of key, at first the zero V, and stores the result.
func (b *book[K, V]) update(key K, change func(*V)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at, ok := b.pages[key]
	if ok {
		b.order.MoveToFront(at)
	} else {
		at = b.add(key)
	}
	change(&at.Value.(*page[K, V]).value)
}

// add makes a page; b.mu is held.
func (b *book[K, V]) add(key K) *list.Element {
	if b.pages == nil {
		b.pages = map[K]*list.Element{}
	}
	if len(b.pages) >= maxPages {
		last := b.order.Back()
		delete(b.pages, last.Value.(*page[K, V]).key)
		b.order.Remove(last)
	}
	at := b.order.PushFront(&page[K, V]{key: key})
	b.pages[key] = at
	return at
}

// The burst of a rate: the amount that the rate gives in this time. It is larger for upstream
// requests: one page may show more missing torrents at once than anybody uploads.
const (
	burst         = 10 * time.Second
	upstreamBurst = 20 * time.Second
)

// wantRate is the number of searches per second for an address. wantBurst is the time in which
// that rate gives the three that are permitted at once.
const (
	wantRate  = 3.0 / 60
	wantBurst = time.Minute
)

// rates enforces a rate for each caller by the generic cell rate algorithm (ITU-T I.371). For
// each it stores one time: the end of all units taken so far at exactly the rate.
type rates[K comparable] struct{ book[K, time.Time] }

// take takes one unit of perSecond for key at now, if permitted; otherwise it returns how long
// to wait.
func (r *rates[K]) take(key K, perSecond float64, now time.Time) (wait time.Duration) {
	return r.takeOf(key, perSecond, burst, now)
}

// takeOf is take with another burst.
func (r *rates[K]) takeOf(key K, perSecond float64, burst time.Duration, now time.Time) (wait time.Duration) {
	step := time.Duration(float64(time.Second) / perSecond)
	r.update(key, func(due *time.Time) {
		if due.Before(now) {
			*due = now
		}
		if wait = due.Sub(now) + step - max(burst, step); wait > 0 {
			return
		}
		wait, *due = 0, due.Add(step)
	})
	return wait
}

// account counts the new bytes of an address, in an hour and in a day. Each began with the
// first new bytes after the end of the previous one.
type account struct{ hour, day window }

type window struct {
	begun time.Time
	used  int64 // bytes
}

// roll begins a new window if this one has ended.
func (w *window) roll(now time.Time, length time.Duration) {
	if now.Sub(w.begun) >= length {
		*w = window{begun: now}
	}
}

// budget bounds the new bytes of each address.
type budget struct{ book[netip.Prefix, account] }

const day = 24 * time.Hour

// reserve takes n bytes at now. If they do not fit, it takes none and returns how long to wait.
// An amount above a whole budget fits into an empty one.
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

// add counts n bytes unconditionally; a negative n gives reserved bytes back.
func (b *budget) add(to netip.Prefix, n int64, now time.Time) {
	b.update(to, func(a *account) {
		a.hour.roll(now, time.Hour)
		a.day.roll(now, day)
		a.hour.used = max(0, a.hour.used+n)
		a.day.used = max(0, a.day.used+n)
	})
}
