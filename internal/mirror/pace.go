package mirror

import (
	"context"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// pace keeps bytes a second under a bound. It is safe for concurrent use.
type pace struct {
	rate int64 // bytes a second; 0: any number

	mu   sync.Mutex
	free time.Time // when what was spent is paid for
}

// spend waits until n bytes more may be read; false: ctx ended.
func (p *pace) spend(ctx context.Context, n int) bool {
	if p.rate == 0 {
		return ctx.Err() == nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	pause := p.free.Sub(now)
	p.mu.Unlock()
	return wait.For(ctx, pause)
}
