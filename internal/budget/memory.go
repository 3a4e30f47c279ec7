// Package budget divides what the process may take between itself and its callers: the
// memory, and by it how many connections there may be.
package budget

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/torrentcache/torrentcache/internal/config"
)

const (
	// programMemory is what the process takes that nobody asks for, in bytes: the program,
	// its metrics, the store's buffers for writing.
	programMemory = 48 << 20

	// cacheShare is the part of the limit that the hot cache takes by default, connectionShare
	// that of connections and calls.
	cacheShare, connectionShare = 4, 8

	// indexShare is the part that the store's index takes at most.
	indexShare = 8

	// leastBudget is what callers may take however little memory there is, in bytes: one
	// upload of the largest torrent.
	leastBudget = 48 << 20

	// unknownMemory is taken for what there is where it cannot be found out, in bytes.
	unknownMemory = 2 << 30
)

// Memory is what the process allows itself.
type Memory struct {
	Cache int64 // bytes of the hot cache
	Index int64 // bytes of the store's index at most

	limit int64 // bytes
}

// Divide sets the limit of the process's memory, as cfg says or what the machine or container
// has, and divides it. The store's index takes at most index bytes. A tenth is for what Go
// does not count: the program itself, stacks of the kernel, buffers of sockets, the index
// outside of Go's heap. The error names the flag to change.
func Divide(cfg config.Doors, index int64) (Memory, error) {
	limit := int64(cfg.MemoryLimit)
	if limit == 0 {
		limit = availableMemory(memlimit.FromCgroup, memlimit.FromSystem)
	}
	limit = limit / 10 * 9
	m := Memory{limit: limit, Cache: int64(cfg.CacheSize), Index: min(index, limit/indexShare)}
	debug.SetMemoryLimit(limit) // near it the collector runs more often
	if most := m.share() - leastBudget; m.Cache > 0 && m.Cache > most {
		return m, fmt.Errorf("--cache-size %s leaves too little of --memory-limit: want at most %s, or a larger --memory-limit",
			cfg.CacheSize, config.Size(max(0, most)>>20<<20))
	}
	if m.Cache == 0 {
		m.Cache = limit / cacheShare
	}
	return m, nil
}

// share returns what the hot cache and callers may take together, in bytes: what is left
// beside the program and the index. Of six parts one is for garbage that the collector has
// yet to find.
func (m Memory) share() int64 { return (m.limit - programMemory - m.Index) / 6 * 5 }

// budget returns what callers may take, in bytes.
func (m Memory) budget() int64 { return max(leastBudget, m.share()-m.Cache) }

// availableMemory returns how much memory the process may take, in bytes: the least of
// GOMEMLIMIT and what the providers know. An error of a provider means that it knows of
// no limit.
func availableMemory(providers ...memlimit.Provider) int64 {
	least := uint64(debug.SetMemoryLimit(-1))
	for _, provider := range providers {
		if limit, err := provider(); err == nil && limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 { // that is how Go says that there is no limit
		return unknownMemory
	}
	return max(int64(least), 1)
}
