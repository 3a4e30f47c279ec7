package hotcache

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// pinned is the context key under which a captured request carries its entry.
type pinned struct{}

// Answers returns the answers of h, a door that takes its torrents from c, to the
// downloads that are in memory and, where there is a Reader, to those that it
// finds. Only one h may be used with a cache.
func (c *Cache) Answers(h http.Handler) fastpath.Source {
	a := &answers{cache: c, handler: h}
	a.template = a.newTemplate()
	return a
}

type answers struct {
	cache    *Cache
	handler  http.Handler
	template *fastpath.Template // of a torrent's header; nil if there can be none
}

// specimen is a torrent with values that the header of no download has by chance.
var specimen = &torrentcachev1.GetTorrentResponse{
	Torrent:    make([]byte, 73_819),
	InfoHash:   "7E57AB1E7E57AB1E7E57AB1E7E57AB1E7E57AB1E",
	Etag:       "5eed5eed5eed5eed5eed5eed5eed5eed",
	UpdateTime: timestamppb.New(time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)),
}

// newTemplate returns what the handler's answer to any torrent looks like.
func (a *answers) newTemplate() *fastpath.Template {
	id, err := infohash.Parse(specimen.GetInfoHash())
	if err != nil {
		return nil
	}
	return fastpath.NewTemplate(a.capture(id, newEntry(specimen, nil)), values(specimen)...)
}

// values returns what differs from one torrent's header to the next.
func values(m *torrentcachev1.GetTorrentResponse) []string {
	return []string{m.GetInfoHash(), m.GetEtag(), m.GetUpdateTime().AsTime().Format(http.TimeFormat), strconv.Itoa(len(m.GetTorrent()))}
}

// capture returns what the handler says if the torrent of id is as e says.
func (a *answers) capture(id infohash.ID, e *entry) *fastpath.Answer {
	ctx := context.WithValue(context.Background(), pinned{}, e)
	return fastpath.Capture(ctx, a.handler, id, e.state.Load().torrent.GetTorrent())
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
	made := &state{torrent: s.torrent, made: true, answer: a.capture(id, e)}
	if made.answer == nil {
		return made
	}
	made.answer = a.cache.arena.Move(made.answer)
	if made.answer.InArena() {
		made.torrent = wire.WithTorrent(s.torrent, nil)
	}
	return made
}
