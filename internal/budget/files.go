package budget

import (
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// enoughConnections is how many connections a server can do with: more are not missed.
const enoughConnections = 3072

// FewFiles returns how many files and connections the process may have open, and whether those
// are too few for the connections that cfg asks for, or that there is memory for. A quarter of
// them is for the store.
func (m Memory) FewFiles(cfg config.Doors) (files int64, few bool) {
	return fewFiles(openFiles(), int64(cfg.MaxConnections), m.limit/connectionShare/limit.HTTPConnection)
}

// fewFiles is FewFiles for that many open files; asked is 0 if there may be as many connections
// as there is memory for.
func fewFiles(open, asked, affordable int64) (files int64, few bool) {
	if asked == 0 {
		asked = min(affordable, enoughConnections)
	}
	return open, connectionsIn(open) < asked
}

// connectionsIn returns how many of that many open files may be connections.
func connectionsIn(files int64) int64 { return files / 4 * 3 }
