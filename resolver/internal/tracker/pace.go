package tracker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

const (
	// between is the time from one request to a host to the next.
	between = time.Second

	// maxHosts bounds the hosts that are remembered.
	maxHosts = 4096

	// patience is how long a request may wait for its turn.
	patience = 30 * time.Second
)

var errBusy = errors.New("too many wait for this tracker already")

// pace has each host asked now and then. It is safe for concurrent use.
type pace struct {
	between time.Duration // from one request to a host to the next

	mu   sync.Mutex
	free map[string]time.Time // when a host may be asked next; guarded by mu
}

// wait waits until host may be asked.
func (p *pace) wait(ctx context.Context, host string) error {
	turn, ok := p.reserve(strings.ToLower(host), time.Now())
	if !ok {
		return errBusy
	}
	if !wait.For(ctx, time.Until(turn)) {
		return ctx.Err()
	}
	return nil
}

// reserve returns when host may be asked; false if too many wait already.
func (p *pace) reserve(host string, now time.Time) (turn time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == nil {
		p.free = map[string]time.Time{}
	}
	turn = p.free[host]
	if turn.Before(now) {
		turn = now
	}
	if turn.Sub(now) > patience || len(p.free) >= maxHosts && !p.makeRoom(now) {
		return time.Time{}, false
	}
	p.free[host] = turn.Add(p.between)
	return turn, true
}

// makeRoom forgets the hosts that may be asked, and reports whether there were any; p.mu is held.
func (p *pace) makeRoom(now time.Time) bool {
	for host, free := range p.free {
		if free.Before(now) {
			delete(p.free, host)
		}
	}
	return len(p.free) < maxHosts
}
