package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wait"
)

// Pauses between repeated calls grow by half from the first to the longest,
// give or take a quarter, so that many clients do not return all at once.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// callTimeout is how long a call, or a stream with items in flight, may be silent before it counts
// as failed.
const callTimeout = time.Minute

// pauses yields growing pauses. The zero value begins with firstPause.
type pauses struct{ next time.Duration }

func (p *pauses) take() time.Duration {
	pause := max(p.next, firstPause)
	p.next = min(pause+pause/2, longestPause)
	return pause*3/4 + rand.N(pause/2)
}

// outage is the time during which no call of a push has succeeded. It is safe for concurrent use.
type outage struct {
	mu    sync.Mutex
	since time.Time // zero while calls succeed; guarded by mu
}

func (o *outage) over() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since = time.Time{}
}

// lasts notes a failure and returns how long all calls have failed.
func (o *outage) lasts() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.since = time.Now()
	}
	return time.Since(o.since)
}

// worthRepeating reports whether the same call may succeed later.
func worthRepeating(e *reason.Error) bool {
	switch e.Reason {
	case reason.Overloaded, reason.RateLimited, reason.StorageFull:
		return !Untrusted(e)
	}
	return false
}

// closedToUs reports whether no call of this client will succeed.
func closedToUs(e *reason.Error) bool {
	switch e.Reason {
	case reason.Unauthenticated, reason.PermissionDenied, reason.Unimplemented:
		return true
	}
	return Untrusted(e)
}

// repeat repeats call until it succeeds, fails for good, or Patience is over.
func (p *pusher) repeat(ctx context.Context, call func(context.Context) error) error {
	var between pauses
	for {
		err := limited(ctx, call)
		if err == nil {
			p.outage.over()
			return nil
		}
		if e := explained(err); !worthRepeating(e) {
			return err
		}
		if err := p.pause(ctx, err, between.take()); err != nil {
			return err
		}
	}
}

func limited(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return call(ctx)
}

// pause waits after a failure. It returns an error if ctx has ended or Patience is over.
func (p *pusher) pause(ctx context.Context, failure error, pause time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if lasts := p.outage.lasts(); lasts > p.o.Patience {
		return fmt.Errorf("gave up after %s: %w", lasts.Round(time.Second), failure)
	}
	p.o.Waiting(failure, pause)
	if !wait.For(ctx, pause) {
		return context.Cause(ctx)
	}
	return nil
}
