package bucket

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

const (
	// MaxTries is the most times that one request is sent.
	MaxTries = 3
	// firstPause is about how long to wait before the second try. Each further pause is three
	// times as long.
	firstPause = 50 * time.Millisecond

	// budgetFull is the capacity of the retry budget. Nothing is retried while less than half of
	// it is left.
	budgetFull = 100
	// budgetEarned is the part that a success gives back. A failure takes 1.
	budgetEarned = 0.1
)

// budget limits retries in proportion to successful requests, so that an engine in trouble does
// not get three times the load. It is safe for concurrent use.
type budget struct {
	mu    sync.Mutex
	spent float64 // of budgetFull
}

// note counts a request and whether it failed.
func (b *budget) note(failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if failed {
		b.spent = min(b.spent+1, budgetFull)
	} else {
		b.spent = max(b.spent-budgetEarned, 0)
	}
}

// allows waits before try number n (from 0) and reports whether it may be sent.
func (b *budget) allows(ctx context.Context, n int) bool {
	if n == 0 {
		return true
	}
	b.mu.Lock()
	broke := b.spent > budgetFull/2
	b.mu.Unlock()
	if n >= MaxTries || broke {
		return false
	}
	pause := firstPause
	for range n - 1 {
		pause *= 3
	}
	pause = pause/2 + rand.N(pause)
	return wait.For(ctx, pause)
}
