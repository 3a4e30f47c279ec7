// Package flight lets callers that ask for the same thing at the same time share one load. No
// caller of a [Group] gets the result of a load that may have begun before a change. With a
// [Breaker], callers do not wait for an unreachable backend.
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
	// MaxAge is how long ago a load may have begun for a new caller to wait for it. A caller that
	// comes later begins another load, and the result of the older one is not kept. 0 means that
	// any load may be waited for.
	MaxAge time.Duration

	mu sync.Mutex
	of map[K]*call[V] // loads whose keys were not forgotten since they began; guarded by mu
}

// call is one load.
type call[V any] struct {
	begun time.Duration // uptime
	done  chan struct{} // closed when the fields below are set
	value V
	err   error
	own   bool // only the loading caller gets err, or the load panicked
	short bool // err is an Own: waiting callers load at once
}

// Own is an error that concerns only the caller whose load returned it, such as a refusal, and not
// the callers that wait for that load.
type Own struct{ Err error }

// Error implements error.
func (o Own) Error() string { return o.Err.Error() }

// Unwrap returns the error inside.
func (o Own) Unwrap() error { return o.Err }

// Do returns the result of load. If another caller is loading key already, Do waits for that result
// instead. A result is not shared if the ctx of the loading caller ended, if its error is an [Own],
// or if load panicked; then one of the waiting callers loads. After an Own all waiting callers load
// at the same time and without keep, so that none waits for the refusals of the others. If ctx ends
// first, Do returns the error of ctx.
//
// Do calls keep with a result that may be shared, be it a value or an error, unless key was
// forgotten meanwhile. Keep never runs at the same time as a Forget, and must not block.
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

// Try is Do for a caller that does not wait for others: if a load is under way, it returns false.
// Other callers do not get its result, unless keep gave it to them; callers that wait load
// themselves. So the value may use memory that the caller reuses.
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

// Forget says that a load of these keys that is under way may have begun before a change. Its
// result is not kept, and no later Do waits for it. Forget calls drop at the same time, to discard
// the results that were kept before; drop must not block.
func (g *Group[K, V]) Forget(keys []K, drop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keys {
		delete(g.of, key)
	}
	drop()
}

// ForgetAll is Forget for all keys.
func (g *Group[K, V]) ForgetAll(drop func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.of)
	drop()
}

// join returns the load of key that is under way, or a new one, which the caller must run.
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

// run runs load for c. It ends c even if load panics.
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
