// Package flight lets callers that ask for the same thing at the same time share one load of
// it. No caller of a [Group] gets a load that may be from before a change. With a [Breaker]
// callers do not wait for a backend that cannot be reached.
package flight

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Group runs the loads of a V for each K. Its zero value is ready, and it is safe for
// concurrent use.
type Group[K comparable, V any] struct {
	// MaxAge is how long ago a load may have begun for callers to wait for it: the next of
	// the key takes its place, and what an older one says is not kept. 0 means any time.
	MaxAge time.Duration

	mu sync.Mutex
	of map[K]*call[V] // of which nothing was forgotten since they began; guarded by mu
}

// call is one load.
type call[V any] struct {
	begun time.Duration // uptime
	done  chan struct{} // closed when all below is set
	value V
	err   error
	own   bool // err says nothing to the others; so does a load that panicked
	short bool // it is Own: whoever waited goes on without others
}

// Own is an error that says nothing to those who wait for the same load: its caller alone
// was refused something.
type Own struct{ Err error }

// Error implements error.
func (o Own) Error() string { return o.Err.Error() }

// Unwrap returns the error inside.
func (o Own) Unwrap() error { return o.Err }

// Do returns the result of load. If another caller is loading key already, Do waits for that
// result instead, unless it says nothing to others: its caller's ctx ended, its error was an
// [Own], or it panicked; then one of those who wait loads. After an Own all of them do, at a
// time and without keep, so that none has to wait for the refusals of the others. If ctx ends
// first Do returns the error of ctx.
//
// Keep is called with what load returned, errors that say something to others included, unless
// key was forgotten meanwhile, and never at the same time as a Forget. It must not block.
func (g *Group[K, V]) Do(ctx context.Context, key K, load func() (V, error), keep func(V, error)) (V, error) {
	for {
		c, first := g.join(key)
		if first {
			defer close(c.done)
			g.run(ctx, key, c, load, keep)
			return c.value, c.err
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		switch {
		case c.short:
			return load()
		case !c.own:
			return c.value, c.err
		}
	}
}

// Try is Do for a caller that does not wait for others: if there is a load under way it
// returns false. Nor do others have its result, unless keep gave it to them: those who wait
// load themselves. So it may be of memory that the caller uses again.
func (g *Group[K, V]) Try(ctx context.Context, key K, load func() (V, error), keep func(V, error)) (value V, err error, ok bool) {
	c, first := g.join(key)
	if !first {
		return value, nil, false
	}
	defer close(c.done)
	g.run(ctx, key, c, load, keep)
	value, err = c.value, c.err
	c.own = true
	return value, err, true
}

// Forget says that what is loaded now of these keys may be from before a change: it is not
// kept, and no Do that begins afterwards waits for it. Drop is called meanwhile, for what was
// kept before; it must not block.
func (g *Group[K, V]) Forget(keys []K, drop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keys {
		delete(g.of, key)
	}
	drop()
}

// ForgetAll is Forget of all keys.
func (g *Group[K, V]) ForgetAll(drop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.of)
	drop()
}

// join returns the load of key that is under way, or a new one, which the caller runs.
func (g *Group[K, V]) join(key K) (c *call[V], first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := Uptime()
	if c = g.of[key]; c != nil && (g.MaxAge == 0 || now-c.begun < g.MaxAge) {
		return c, false
	}
	if g.of == nil {
		g.of = map[K]*call[V]{}
	}
	c = &call[V]{begun: now, done: make(chan struct{}), own: true}
	g.of[key] = c
	return c, true
}

// run runs load for c. Whatever becomes of load, those who wait for c go on.
func (g *Group[K, V]) run(ctx context.Context, key K, c *call[V], load func() (V, error), keep func(V, error)) {
	defer g.end(key, c, keep)
	c.value, c.err = load()
	_, c.short = errors.AsType[Own](c.err)
	c.own = c.short || c.err != nil && ctx.Err() != nil
}

// end ends c, and keeps its value if it may be kept.
func (g *Group[K, V]) end(key K, c *call[V], keep func(V, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of[key] != c {
		return
	}
	delete(g.of, key)
	if !c.own {
		keep(c.value, c.err)
	}
}
