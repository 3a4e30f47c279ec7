package limit

import "time"

// How much of a rate may be used at once: what so much time gives. A page shows more
// torrents at a time that are not here than anybody uploads.
const (
	burst         = 10 * time.Second
	upstreamBurst = 20 * time.Second
)

// rates holds each caller to a rate by the generic cell rate algorithm (ITU-T
// I.371): of each it remembers one moment, when what was taken so far would have
// been taken at exactly the rate.
type rates[K comparable] struct{ book[K, time.Time] }

// take takes one of perSecond for key at now, if it may; otherwise it returns how
// long to wait.
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
