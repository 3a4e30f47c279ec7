package hotcache

import (
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// entry is what is known of one id. It never changes, but for answer, which is made when
// it is first asked for.
type entry struct {
	torrent *torrentcachev1.GetTorrentResponse // nil if there is none
	err     error                              // why
	lasts   bool                               // it is checked, and to be kept
	shared  *limit.Shared                      // counts the torrent's bytes while they are sent
	answer  atomic.Pointer[answer]             // nil if it was not asked for
}

// answer is the download of a torrent.
type answer struct {
	ready *fastpath.Answer // nil if none can be kept ready
}

// newEntry returns what an answer of the backend says.
func newEntry(torrent *torrentcachev1.GetTorrentResponse, err error) *entry {
	return &entry{torrent: torrent, err: err, shared: limit.NewShared(int64(len(torrent.GetTorrent())))}
}

// keepable reports whether e says something that lasts.
func (e *entry) keepable() bool {
	if e.err != nil {
		return notFound(e.err)
	}
	return !e.torrent.GetStale()
}

// entryOverhead is the memory of an entry beside the torrent's bytes: message, strings,
// the answer's header and the cache's own node, in bytes.
const entryOverhead = 3 << 10

// weight is the memory that e takes, in bytes.
func (e *entry) weight() uint32 { return uint32(len(e.torrent.GetTorrent()) + entryOverhead) }

// age is how long e may stay.
func (e *entry) age() time.Duration {
	if e.err != nil {
		return absentAge
	}
	return maxAge
}
