package diskstore

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// pace bounds how fast bytes are spent. Not safe for concurrent use.
type pace struct {
	rate  int64 // bytes a second; none or fewer: no bound
	spent int64 // since begun
	begun time.Time
}

func newPace(rate int64) *pace { return &pace{rate: rate, begun: time.Now()} }

// spend waits until n more bytes may be spent, or returns ctx's error.
func (p *pace) spend(ctx context.Context, n int64) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	if now := time.Now(); now.Sub(p.begun) > time.Minute { // what was not used does not add up
		p.begun, p.spent = now, 0
	}
	p.spent += n
	due := p.begun.Add(time.Duration(float64(p.spent) / float64(p.rate) * float64(time.Second)))
	if !wait.For(ctx, time.Until(due)) {
		return ctx.Err()
	}
	return nil
}
