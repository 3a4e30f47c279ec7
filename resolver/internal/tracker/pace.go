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
	// between is the minimum time between two requests to a host.
	between = time.Second

	// maxHosts bounds the hosts that pace remembers.
	maxHosts = 4096

	// patience is the maximum time that a request waits for its turn.
	patience = 30 * time.Second
)

var errBusy = errors.New("too many wait for this tracker already")

// pace spaces the requests to each host. It is safe for concurrent use.
type pace struct {
	between time.Duration // minimum time between two requests to a host

	mu   sync.Mutex
	free map[string]time.Time // when each host may be asked next; guarded by mu
}

// wait waits until host may be asked. It returns errBusy if that would take longer than patience.
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

// reserve takes the next turn of host and returns its time; false if the wait is too long or too
// many hosts are remembered.
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

// makeRoom forgets the hosts that may be asked again, and reports whether there is room for
// another host. The caller holds p.mu.
func (p *pace) makeRoom(now time.Time) bool {
	for host, free := range p.free {
		if free.Before(now) {
			delete(p.free, host)
		}
	}
	return len(p.free) < maxHosts
}
