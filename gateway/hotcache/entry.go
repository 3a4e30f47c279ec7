package hotcache

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
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
		return withBytes(s.torrent, s.answer.Body()), nil
	}
	return s.torrent, e.err
}

// withBytes returns m with other bytes for its torrent.
func withBytes(m *torrentcachev1.GetTorrentResponse, torrent []byte) *torrentcachev1.GetTorrentResponse {
	out := &torrentcachev1.GetTorrentResponse{}
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Name() != "torrent" {
			out.ProtoReflect().Set(field, value)
		}
		return true
	})
	out.Torrent = torrent
	return out
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

// pinned is the context key under which a captured request carries its entry.
type pinned struct{}

// Answers returns the answers of h, a door that takes its torrents from c, to the
// downloads that are in memory. Only one h may be used with a cache.
func (c *Cache) Answers(h http.Handler) fastpath.Source { return &answers{cache: c, handler: h} }

type answers struct {
	cache   *Cache
	handler http.Handler
}

// Answer implements [fastpath.Source].
func (a *answers) Answer(id infohash.ID) *fastpath.Answer {
	if !a.cache.trusted.Load() {
		return nil
	}
	e, ok := a.cache.entries.GetIfPresent(id)
	if !ok {
		return nil
	}
	s := e.state.Load()
	if s.made {
		return s.answer
	}
	made := a.make(id, e, s)
	if !e.state.CompareAndSwap(s, made) { // another connection was faster
		made = e.state.Load()
	}
	return made.answer
}

// make returns e's next state: s with the answer of the handler. A large torrent's
// bytes move to the arena with it.
func (a *answers) make(id infohash.ID, e *entry, s *state) *state {
	ctx := context.WithValue(context.Background(), pinned{}, e)
	made := &state{torrent: s.torrent, made: true, answer: fastpath.Capture(ctx, a.handler, id, s.torrent.GetTorrent())}
	if made.answer == nil {
		return made
	}
	made.answer = a.cache.arena.Move(made.answer)
	if made.answer.InArena() {
		made.torrent = withBytes(s.torrent, nil)
	}
	return made
}
