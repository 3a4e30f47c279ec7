package main

import (
	"fmt"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/steady"
)

// memoryUse is what the process allows itself.
type memoryUse struct {
	limit   int64 // bytes
	ballast steady.Ballast
}

// limitMemory sets the limit of the process; 0 is the memory there is. A tenth is
// for what Go does not count: the program itself, stacks of the kernel, buffers of
// sockets, the store's index outside of Go's heap.
func limitMemory(size config.Size) memoryUse {
	limit := int64(size)
	if limit == 0 {
		limit = memory()
	}
	limit = limit / 10 * 9
	return memoryUse{limit: limit, ballast: steady.Limit(limit)}
}

// fits refuses shares that are more than there is: the process would collect garbage
// all the time, and die of it.
func (m memoryUse) fits(cache, uploads config.Size) error {
	if int64(cache) > m.limit || int64(uploads) > m.limit-int64(cache) {
		return fmt.Errorf("--cache-size %s and --upload-memory %s are more than the %s that the process may use: want less, or a larger --memory-limit",
			cache, uploads, config.Size(m.limit>>20<<20))
	}
	return nil
}
