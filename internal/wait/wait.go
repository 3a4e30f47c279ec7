// Package wait pauses until a time has passed or a context ends. It also limits a rate by such
// pauses.
package wait

import (
	"context"
	"sync"
	"time"
)

// For waits for d. It returns false if ctx ended first. It is safe for concurrent use.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Pace limits the units spent per second, for example bytes. A nil *Pace has no limit. It is safe
// for concurrent use.
type Pace struct {
	rate int64 // per second; 0 or less means no limit

	mu   sync.Mutex
	free time.Time // when the rate has covered all units spent
}

// NewPace returns a Pace that allows rate per second. 0 or less means no limit.
func NewPace(rate int64) *Pace { return &Pace{rate: rate} }

// unspent is how much unused time counts later. It makes up for pauses that took longer than asked;
// more does not accumulate.
const unspent = time.Second

// Spend waits until the rate allows n more. It returns the error of ctx if ctx ends first.
func (p *Pace) Spend(ctx context.Context, n int64) error {
	if p == nil || p.rate <= 0 {
		return ctx.Err()
	}
	p.mu.Lock()
	now := time.Now()
	if earliest := now.Add(-unspent); p.free.Before(earliest) {
		p.free = earliest
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	pause := p.free.Sub(now)
	p.mu.Unlock()
	For(ctx, pause)
	return ctx.Err()
}
