package bucket

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

const (
	// MaxTries is how often one request is sent.
	MaxTries = 3
	// firstPause is about how long to wait before the second try; each further
	// pause is thrice as long.
	firstPause = 50 * time.Millisecond

	// budgetFull is how much the budget of repetitions holds; below half of it
	// nothing is repeated.
	budgetFull = 100
	// budgetEarned is what a success adds to it. A failure takes 1.
	budgetEarned = 0.1
)

// budget bounds the repetitions of requests to a part of those that succeed, so
// that an engine in trouble is not sent three times the load. It is safe for
// concurrent use.
type budget struct {
	mu    sync.Mutex
	spent float64 // of budgetFull
}

// note counts a request that ended.
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
