package limit

import (
	"net/netip"
	"sync"
)

// counter counts what is under way, in total and by address.
type counter struct {
	mu    sync.Mutex
	total int                  // guarded by mu
	by    map[netip.Prefix]int // none is zero; guarded by mu
}

// most is how many there may be; 0 is any number.
type most struct{ total, perAddress int }

type verdict int

const (
	granted verdict = iota
	addressFull
	useFull // of memory alone
	allFull
)

// enter counts one more of address, if it may be.
func (c *counter) enter(address netip.Prefix, m most) verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case m.perAddress > 0 && c.by[address] >= m.perAddress:
		return addressFull
	case m.total > 0 && c.total >= m.total:
		return allFull
	}
	if c.by == nil {
		c.by = map[netip.Prefix]int{}
	}
	c.total++
	c.by[address]++
	return granted
}

// leave undoes a granted enter.
func (c *counter) leave(address netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.by[address]--; c.by[address] == 0 {
		delete(c.by, address)
	}
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}
