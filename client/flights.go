package client

import (
	"sync"

	"github.com/torrentcache/torrentcache/infohash"
)

// flights knows which torrents are on their way, so that a torrent under two
// names is sent once.
type flights struct {
	mu      sync.Mutex
	waiting map[flight][]*job // guarded by mu; a key for each torrent on its way
}

// flight is what must not be sent twice. A file with piece layers gives the
// server more than one of the same id without them.
type flight struct {
	id     infohash.ID
	layers bool
}

func newFlights() *flights { return &flights{waiting: map[flight][]*job{}} }

// join reports whether j is the first with its id and has to go itself.
// Otherwise it gets what becomes of the first one.
func (f *flights) join(id flight, j *job) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	followers, flying := f.waiting[id]
	if !flying {
		f.waiting[id] = nil
		return true
	}
	f.waiting[id] = append(followers, j)
	return false
}

// land ends the way of id and returns who waited for it.
func (f *flights) land(id flight) []*job {
	f.mu.Lock()
	defer f.mu.Unlock()
	followers := f.waiting[id]
	delete(f.waiting, id)
	return followers
}
