package hotcache

// Settle does now the work that the cache's library otherwise does in the background. It takes
// into account which entries were read and written, and evicts the entries beyond the bound.
func (c *Cache) Settle() { c.entries.CleanUp() }

// Trusted reports whether the cache answers by itself.
func (c *Cache) Trusted() bool { return c.trusted.Load() }
