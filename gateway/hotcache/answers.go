package hotcache

import (
	"context"
	"net/http"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
)

// pinned is the context key under which a captured request carries its entry.
type pinned struct{}

// headerSize is the capacity for a header, more than it usually takes, in bytes.
const headerSize = 384

// Answers returns a source with the answers of h, a door that takes its torrents from c. It
// answers downloads of torrents in memory and, if there is a Reader, of torrents that it reads.
// Use only one h with a cache. Header makes the header of h's answers.
func (c *Cache) Answers(h http.Handler, header Header) fastpath.Source {
	ended, end := context.WithCancel(context.Background())
	end()
	return (&answers{cache: c, handler: h, header: header, atOnce: ended}).answer
}

type answers struct {
	cache   *Cache
	handler http.Handler
	header  Header
	atOnce  context.Context // has ended: taking memory with it does not wait
}

// answer is the [fastpath.Source].
func (a *answers) answer(id infohash.ID, reserved *limit.Reservation, read bool) *fastpath.Answer {
	c := a.cache
	if !c.trusted.Load() {
		return nil
	}
	if e, ok := c.entries.GetIfPresent(id); ok {
		return a.answerOf(id, e)
	}
	if !read || c.reader == nil || c.following {
		return nil // the fast path does not wait for the network
	}
	return a.load(id, reserved)
}

// load reads the torrent of id and returns its answer. If another caller is loading it, load
// returns nil: net/http waits for that load, and reports its failure.
func (a *answers) load(id infohash.ID, reserved *limit.Reservation) *fastpath.Answer {
	c, ctx := a.cache, context.Background()
	var scratch *fastpath.Scratch
	e, err, ok := c.loads.Try(ctx, id, func() (*entry, error) {
		mayKeep := c.mayKeep(id) // otherwise the bytes are this caller's alone and lie in a Scratch
		alloc := func(n int) (b []byte, err error) {
			if mayKeep || n > fastpath.ScratchSize {
				return reserved.Alloc(a.atOnce)(n)
			}
			if err := reserved.Take(a.atOnce, fastpath.ScratchSize); err != nil {
				return nil, err
			}
			scratch = fastpath.NewScratch()
			return scratch.Bytes(n), nil
		}
		return c.load(id, mayKeep, alloc, func(alloc Alloc) (*torrentcachev1.GetTorrentResponse, error) {
			return c.reader.ReadTorrent(ctx, id, alloc)
		})
	}, c.keep(id))
	if !ok || err != nil && !notFound(err) {
		return nil
	}
	c.counts.misses.Add(1)
	if e.lasts { // the cache has its memory, if nothing has changed meanwhile
		reserved.Release()
		return a.answerOf(id, e)
	}
	return a.make(id, e, nil).In(scratch) // reserved has its memory
}

// answerOf returns the answer of e, which is in the cache.
func (a *answers) answerOf(id infohash.ID, e *entry) *fastpath.Answer {
	made := e.answer.Load()
	if made == nil {
		made = a.make(id, e, e.shared)
		e.answer.Store(made) // if two callers do this at once, both answers are right
	}
	return made
}

// Header appends to b the header of a handler's answer to GET /torrent/HASH.torrent with the
// torrent got: lines with their CR LF, as net/http sorts them. It returns nil if the answer needs
// other lines; then the fast path has no answer.
type Header = func(b []byte, got *torrentcachev1.GetTorrentResponse) []byte

// make returns the handler's answer for the torrent of e; nil if the handler itself has to answer.
func (a *answers) make(id infohash.ID, e *entry, shared *limit.Shared) *fastpath.Answer {
	if e.err != nil {
		return fastpath.Capture(context.WithValue(context.Background(), pinned{}, e), a.handler, id)
	}
	header := a.header(make([]byte, 0, headerSize), e.torrent)
	if header == nil {
		return nil
	}
	return fastpath.Found(header, e.torrent.GetTorrent(), shared)
}
