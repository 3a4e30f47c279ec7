package hotcache

import (
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// entry is what is known of one id.
type entry struct {
	err   error // why there is no torrent; nil if there is one
	stale bool  // the backend could not make sure of it
	size  int   // of the torrent, in bytes
	state atomic.Pointer[state]
}

// state is how an entry holds its torrent. It never changes.
type state struct {
	torrent *torrentcachev1.GetTorrentResponse // nil if there is none; without its bytes if answer has them
	made    bool                               // whether answer has been tried to make
	answer  *fastpath.Answer                   // the download; nil if none can be kept ready
}

// newEntry returns what an answer of the backend says.
func newEntry(torrent *torrentcachev1.GetTorrentResponse, err error) *entry {
	e := &entry{err: err, stale: torrent.GetStale(), size: len(torrent.GetTorrent())}
	e.state.Store(&state{torrent: torrent})
	return e
}

// get returns the answer of GetTorrent.
func (e *entry) get() (*torrentcachev1.GetTorrentResponse, error) {
	s := e.state.Load()
	if s.answer != nil && s.answer.InArena() {
		return wire.WithTorrent(s.torrent, s.answer.Body()), nil
	}
	return s.torrent, e.err
}

// keepable reports whether e says something that lasts.
func (e *entry) keepable() bool {
	if e.err != nil {
		return notFound(e.err)
	}
	return !e.stale
}

// entryOverhead is the memory of an entry beside the torrent's bytes: message,
// strings, the answer's header, the cache's own node, and what the last page of
// an arena has left over, in bytes.
const entryOverhead = 4 << 10

// weight is the memory that e takes, in bytes.
func (e *entry) weight() uint32 { return uint32(e.size + entryOverhead) }

// age is how long e may stay.
func (e *entry) age() time.Duration {
	if e.err != nil {
		return absentAge
	}
	return maxAge
}
