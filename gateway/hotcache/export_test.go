package hotcache

import "github.com/torrentcache/torrentcache/infohash"

// Settle does what the cache's library does in the background otherwise: it takes
// into account which entries were read and written, and evicts what is too much.
func (c *Cache) Settle() { c.entries.CleanUp() }

// Trusted reports whether the cache answers by itself.
func (c *Cache) Trusted() bool { return c.trusted.Load() }

// Waiting returns how many wait for the fill of id.
func (c *Cache) Waiting(id infohash.ID) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.fills[id]; f != nil {
		return f.waiting
	}
	return 0
}
