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

// headerRoom is more than a header usually takes, in bytes.
const headerRoom = 384

// Answers returns the answers of h, a door that takes its torrents from c, to the
// downloads that are in memory and, where there is a disk to read from, to those that it
// finds there. Only one h may be used with a cache. Header is what h says of a torrent; nil:
// h is asked each time.
func (c *Cache) Answers(h http.Handler, header Header) fastpath.Source {
	ended, end := context.WithCancel(context.Background())
	end()
	return &answers{cache: c, handler: h, header: header, atOnce: ended}
}

type answers struct {
	cache   *Cache
	handler http.Handler
	header  Header
	atOnce  context.Context // has ended: who takes memory with it does not wait
}

// Answer implements [fastpath.Source].
func (a *answers) Answer(id infohash.ID, hold *limit.Hold) *fastpath.Answer {
	c := a.cache
	if !c.trusted.Load() {
		return nil
	}
	if e, ok := c.entries.GetIfPresent(id); ok {
		return a.answerOf(id, e)
	}
	if c.reader == nil || c.following {
		return nil // the network is not waited for
	}
	return a.load(id, hold)
}

// Kept implements [fastpath.Source].
func (a *answers) Kept(id infohash.ID) *fastpath.Answer {
	if !a.cache.trusted.Load() {
		return nil
	}
	if e, ok := a.cache.entries.GetIfPresent(id); ok {
		return a.answerOf(id, e)
	}
	return nil
}

// load returns the answer of what the reader says. Of two that ask at a time net/http lets
// one wait, and it finds out what is wrong.
func (a *answers) load(id infohash.ID, hold *limit.Hold) *fastpath.Answer {
	c, ctx := a.cache, context.Background()
	var scratch *fastpath.Scratch
	e, err, ok := c.loads.Try(ctx, id, func() (*entry, error) {
		mayKeep := c.mayKeep(id) // else nobody else has it, and its memory is used again
		room := func(n int) (b []byte, err error) {
			if mayKeep || n > fastpath.ScratchSize {
				return hold.Room(a.atOnce)(n)
			}
			if err := hold.Take(a.atOnce, fastpath.ScratchSize); err != nil {
				return nil, err
			}
			scratch = fastpath.NewScratch()
			return scratch.Bytes(n), nil
		}
		return c.load(id, mayKeep, room, func(room Room) (*torrentcachev1.GetTorrentResponse, error) {
			return c.reader.ReadTorrent(ctx, id, room)
		})
	}, c.keep(id))
	if !ok || err != nil && !notFound(err) {
		return nil
	}
	c.counts.misses.Add(1)
	if e.lasts { // the cache has its memory, if nothing has changed meanwhile
		hold.Release()
		return a.answerOf(id, e)
	}
	return a.capture(id, e, nil).In(scratch) // hold has its memory
}

// answerOf returns the answer that e says, which is in the cache.
func (a *answers) answerOf(id infohash.ID, e *entry) *fastpath.Answer {
	made := e.answer.Load()
	if made == nil {
		made = &answer{ready: a.capture(id, e, e.shared)}
		e.answer.Store(made) // of two that do this at once either is right
	}
	return made.ready
}

// Header appends to b the header of a handler's answer to GET /torrent/HASH.torrent when that
// is got, lines with their CR LF as net/http sorts them. It returns nil if the handler has to
// be asked.
type Header = func(b []byte, got *torrentcachev1.GetTorrentResponse) []byte

// capture returns what the handler says if the torrent of id is as e says.
func (a *answers) capture(id infohash.ID, e *entry, shared *limit.Shared) *fastpath.Answer {
	if e.err == nil && a.header != nil {
		if header := a.header(make([]byte, 0, headerRoom), e.torrent); header != nil {
			return fastpath.Found(header, e.torrent.GetTorrent(), shared)
		}
	}
	ctx := context.WithValue(context.Background(), pinned{}, e)
	return fastpath.Capture(ctx, a.handler, id, e.torrent.GetTorrent(), shared)
}
