package main

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/gateway/hotcache"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/telemetry"
)

const (
	// cacheShare is the part of the memory limit that the hot cache takes by default.
	cacheShare = 4

	// settle is how long after one of several nodes told of a change another one may
	// not know it: two seconds are promised, one is for the call under way.
	settle = 3 * time.Second

	// unknownMemory is taken for the machine's memory where it cannot be found out.
	unknownMemory = 2 << 30
)

// addCache puts the hot cache before conn and returns conn for the doors. With a
// reader, of the store in this process, the cache hears of changes by changed, else
// from the backend's feed.
func (h *house) addCache(ctx context.Context, conn grpc.ClientConnInterface, reader hotcache.Reader) (grpc.ClientConnInterface, error) {
	size := int64(h.cfg.CacheSize)
	if size == 0 {
		size = h.memory.limit / cacheShare
	}
	follow := reader == nil
	o := hotcache.Options{Conn: conn, Reader: reader, Size: size, Follow: follow, Private: h.private()}
	if follow {
		o.Settle, o.MaxStale, o.OnLost = settle, h.maxStale, h.feedLost
	}
	cache, err := hotcache.New(o)
	if err != nil {
		return nil, err
	}
	h.cache = cache
	h.metrics.WatchCache(h.cacheStats)
	if follow {
		go cache.Follow(ctx)
	}
	return cache.Conn(conn), nil
}

// feedLost tells the operator that every download asks the backend until its feed
// of changes is back.
func (h *house) feedLost(err *reason.Error) {
	if err.Reason == reason.Unauthenticated || err.Reason == reason.PermissionDenied {
		h.logger.Error("the backend refuses its feed of changes, without which nothing can be kept: give it a key with the role sync by --backend-token-file, or start the backend with --anonymous read,write,sync", "reason", err.Reason)
		return
	}
	h.logger.Warn("the backend's feed of changes is lost; nothing is answered from the cache until it is back", "reason", err.Reason, "cause", err)
}

// changed tells the hot cache which torrent has changed.
func (h *house) changed(ids infohash.Set) {
	if h.cache != nil {
		h.cache.Invalidate(ids)
	}
}

// fastPath returns l with the fast path of downloads before s, which serves
// without TLS.
func (h *house) fastPath(l net.Listener, s *http.Server) net.Listener {
	if h.cfg.FastPath == config.Off {
		return l
	}
	fast := fastpath.New(l, s, h.answers)
	h.fast = append(h.fast, fast)
	return fast
}

// fastPathTLS returns s on l over TLS, with the fast path of downloads before it.
func (h *house) fastPathTLS(name string, s *http.Server, l net.Listener) lifecycle.Server {
	if h.cfg.FastPath == config.Off {
		return lifecycle.HTTPS(name, s, l)
	}
	fast := fastpath.NewTLS(l, s, h.answers)
	h.fast = append(h.fast, fast)
	return lifecycle.HTTP(name, s, fast)
}

// fastHandler returns next with the fast path of downloads by HTTP/2 before it.
func (h *house) fastHandler(next http.Handler) http.Handler {
	if h.cfg.FastPath == config.Off {
		return next
	}
	fast := fastpath.NewHandler(next, h.answers)
	h.fast = append(h.fast, fast)
	return fast
}

// fastCounter counts what was answered on the fast path.
type fastCounter interface{ Stats() fastpath.Stats }

// cacheStats is called by scrapes, which begin when all listeners are there.
func (h *house) cacheStats() telemetry.CacheStats {
	c := h.cache.Stats()
	stats := telemetry.CacheStats{Hits: c.Hits, Misses: c.Misses, Entries: c.Entries, Bytes: c.Bytes}
	for _, fast := range h.fast {
		f := fast.Stats()
		stats.FastFound += f.Found
		stats.FastAbsent += f.Absent
		stats.FastBytes += f.Bytes
	}
	return stats
}

// memory returns how much memory the process may take, in bytes: GOMEMLIMIT, the
// container's limit or the machine's memory, whichever is the least.
func memory() int64 {
	least := min(debug.SetMemoryLimit(-1), machineMemory())
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil {
			least = min(least, limit)
		}
	}
	return max(least, 1)
}

func machineMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return unknownMemory
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes()) // MemTotal: 24685372 kB
		if len(fields) == 3 && string(fields[0]) == "MemTotal:" {
			if kib, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return unknownMemory
}
