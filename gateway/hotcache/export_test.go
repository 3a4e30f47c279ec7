package hotcache

// Settle does what the cache's library does in the background otherwise: it takes
// into account which entries were read and written, and evicts what is too much.
func (c *Cache) Settle() { c.entries.CleanUp() }

// Trusted reports whether the cache answers by itself.
func (c *Cache) Trusted() bool { return c.trusted.Load() }
