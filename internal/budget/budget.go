// Package budget divides the resources of the process between itself and its callers: memory,
// and from that the number of connections. It also decides how many threads Go uses.
package budget

import (
	"fmt"
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
)

const (
	// programMemory is the memory that the process takes for itself and not for callers, in
	// bytes: the program, its metrics, the store's buffers for writing.
	programMemory = 48 << 20

	// cacheShare is the part of the limit that the hot cache takes by default, connectionShare
	// that of connections and calls.
	cacheShare, connectionShare = 4, 8

	// indexShare is the part that the store's index takes at most.
	indexShare = 8

	// leastBudget is the minimum memory for callers, however little there is, in bytes: one
	// upload of the largest torrent.
	leastBudget = 48 << 20

	// unknownMemory is the memory assumed if no limit is known, in bytes.
	unknownMemory = 2 << 30
)

// Memory is the division of the process's memory limit.
type Memory struct {
	Cache int64 // bytes of the hot cache
	Index int64 // maximum size of the store's index, in bytes

	limit int64 // bytes
}

// Divide sets the memory limit of the process, from cfg or from the machine or container, and
// divides it. The store's index takes at most index bytes. A tenth is for memory that Go does
// not count: the program itself, kernel stacks, socket buffers, and the part of the index
// outside Go's heap. The error names the flag to change.
func Divide(cfg config.Doors, index int64) (Memory, error) {
	limit := int64(cfg.MemoryLimit)
	if limit == 0 {
		limit = availableMemory(memlimit.FromCgroup, memlimit.FromSystem)
	}
	limit = limit / 10 * 9
	m := Memory{limit: limit, Cache: int64(cfg.CacheSize), Index: min(index, limit/indexShare)}
	debug.SetMemoryLimit(limit) // the collector runs more often near the limit
	if most := m.share() - leastBudget; m.Cache > 0 && m.Cache > most {
		return m, fmt.Errorf("--cache-size %s leaves too little of --memory-limit: want at most %s, or a larger --memory-limit",
			cfg.CacheSize, config.Size(max(0, most)>>20<<20))
	}
	if m.Cache == 0 {
		m.Cache = limit / cacheShare
	}
	return m, nil
}

// share returns the bytes for the hot cache and callers together: the memory beside the program
// and the index. One sixth of it is for garbage that is not collected yet.
func (m Memory) share() int64 { return (m.limit - programMemory - m.Index) / 6 * 5 }

// budget returns the bytes for callers.
func (m Memory) budget() int64 { return max(leastBudget, m.share()-m.Cache) }

// availableMemory returns the memory that the process may take, in bytes: the least of
// GOMEMLIMIT and the limits of the providers. An error of a provider means that it knows no
// limit.
func availableMemory(providers ...memlimit.Provider) int64 {
	least := uint64(debug.SetMemoryLimit(-1))
	for _, provider := range providers {
		if limit, err := provider(); err == nil && limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 { // Go's value for no limit
		return unknownMemory
	}
	return max(int64(least), 1)
}

// leastConnections is the minimum number of connections, however little memory there is.
const leastConnections = 256

// Limits returns the limits in cfg, with the memory for callers.
func (m Memory) Limits(cfg config.Doors) limit.Settings {
	s := limit.Settings{
		TrustedWriters: cfg.TrustedWriters, TrustedProxies: cfg.TrustedProxies,
		Connections: cfg.MaxConnections, ConnectionsPerAddress: cfg.ConnectionsPerAddress,
		Uploads: cfg.MaxUploads, UploadsPerAddress: cfg.UploadsPerAddress,
		Streams: cfg.MaxStreams, StreamsPerAddress: cfg.StreamsPerAddress,
		UploadRate: cfg.UploadRate, KeyUploadRate: cfg.KeyUploadRate, DownloadRate: cfg.DownloadRate, UpstreamRate: cfg.UpstreamRate,
		HourlyBytes: int64(cfg.HourlyNewBytes), DailyBytes: int64(cfg.DailyNewBytes),
		Memory: m.budget(), Wait: cfg.UploadWait, BodyTime: cfg.BodyTimeout,
	}
	s.UploadMemory = s.Memory / 2
	s.ConnectionMemory = min(m.limit/connectionShare, s.Memory/4)
	if s.Connections == 0 {
		s.Connections = max(leastConnections, int(min(s.ConnectionMemory/limit.HTTPConnection, connectionsIn(openFiles()))))
	}
	// More connections, if asked for, take memory from uploads and answers, which keep a quarter.
	asked := int64(s.Connections) * limit.HTTPConnection
	s.ConnectionMemory = max(s.ConnectionMemory, min(asked, s.Memory/4*3))
	return s
}

// enoughConnections is a number of connections that is enough for any server.
const enoughConnections = 3072

// FewFiles returns how many files and connections the process may have open, and whether that is
// too few for the connections that cfg asks for or memory allows. A quarter of them is for the
// store.
func (m Memory) FewFiles(cfg config.Doors) (files int64, few bool) {
	return fewFiles(openFiles(), int64(cfg.MaxConnections), m.limit/connectionShare/limit.HTTPConnection)
}

// fewFiles is FewFiles for a given limit of open files; asked is 0 if only memory limits the
// connections.
func fewFiles(open, asked, affordable int64) (files int64, few bool) {
	if asked == 0 {
		asked = min(affordable, enoughConnections)
	}
	return open, connectionsIn(open) < asked
}

// connectionsIn returns how many of these open files may be connections.
func connectionsIn(files int64) int64 { return files / 4 * 3 }
