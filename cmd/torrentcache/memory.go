package main

import (
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
