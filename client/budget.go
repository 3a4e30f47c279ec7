package client

import (
	"context"
	"sync"
)

// budget bounds the bytes that are held at once.
type budget struct {
	total int64

	mu    sync.Mutex
	freed *sync.Cond
	used  int64 // guarded by mu
}

func newBudget(total int64) *budget {
	b := &budget{total: total}
	b.freed = sync.NewCond(&b.mu)
	return b
}

// acquire takes n bytes as soon as there is room. A request for more than the whole budget is
// granted when nothing else is held. If ctx ends first, acquire returns the error of ctx.
func (b *budget) acquire(ctx context.Context, n int64) error {
	if b.tryAcquire(n) {
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.freed.Broadcast()
	})
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.fits(n) && ctx.Err() == nil {
		b.freed.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.used += n
	return nil
}

func (b *budget) tryAcquire(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	fits := b.fits(n)
	if fits {
		b.used += n
	}
	return fits
}

// fits reports whether there is room for n bytes; mu is held.
func (b *budget) fits(n int64) bool { return b.used <= 0 || b.used+n <= b.total }

// adjust takes n more bytes without waiting, or gives bytes back if n is negative. It corrects the
// number of bytes that acquire took.
func (b *budget) adjust(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used += n
	if n < 0 {
		b.freed.Broadcast()
	}
}
