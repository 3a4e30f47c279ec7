package hotcache

import (
	"context"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wire"
	"github.com/torrentcache/torrentcache/metainfo"
)

// Reader reads torrents from a store in the same process. It must be safe for
// concurrent use.
type Reader interface {
	// ReadTorrent answers as the GetTorrent of a caller without credentials. The
	// bytes may lie in memory that room gave when it was asked for n bytes. They are
	// known to be what was stored under id: the store has checked them.
	ReadTorrent(ctx context.Context, id infohash.ID, room func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error)
}

// Load implements [fastpath.Source]. It is the fill of a plain download where the
// store is in the same process: of what is not kept nothing is hashed or copied.
func (a *answers) Load(id infohash.ID, s *fastpath.Scratch) *fastpath.Answer {
	c := a.cache
	if c.reader == nil || a.template == nil || !c.trusted.Load() {
		return nil
	}
	f, begun := c.join(id, false)
	if begun {
		return nil // the server waits for who was first
	}
	l := &local{answers: a, id: id}
	defer func() { c.finish(id, f, l) }()
	room := func(n int) ([]byte, error) {
		if n <= cap(s.Room) {
			return s.Room[:n], nil
		}
		return make([]byte, n), nil
	}
	torrent, err := c.reader.ReadTorrent(context.Background(), id, room)
	return l.answer(torrent, err, s)
}

// local is a torrent that lies in somebody else's memory.
type local struct {
	*answers
	id      infohash.ID
	torrent *torrentcachev1.GetTorrentResponse
	kept    *entry // made by own
}

// answer returns what to send; nil if that is for the server to find out.
func (l *local) answer(torrent *torrentcachev1.GetTorrentResponse, err error, s *fastpath.Scratch) *fastpath.Answer {
	if err != nil {
		if !notFound(err) {
			return nil
		}
		l.kept = newEntry(nil, err)
		l.cache.counts.misses.Add(1)
		return l.capture(l.id, l.kept)
	}
	if updated := torrent.GetUpdateTime(); updated.GetSeconds() == 0 || torrent.GetStale() {
		return nil // the header has other lines then, or not the usual meaning
	}
	l.torrent = torrent
	l.cache.counts.misses.Add(1)
	return s.Answer(torrent.GetTorrent(), l.template, values(torrent)...)
}

// own returns the entry for the torrent with bytes of its own, hashed and with its
// answer ready, nil if there is none or the bytes are not those of the id.
func (l *local) own() *entry {
	if l.kept != nil || l.torrent == nil {
		return l.kept
	}
	parsed, err := metainfo.Parse(l.torrent.GetTorrent())
	if err != nil || !parsed.IDs().Contains(l.id) {
		return nil
	}
	var s fastpath.Scratch
	answer := l.cache.arena.Keep(s.Answer(l.torrent.GetTorrent(), l.template, values(l.torrent)...))
	l.kept = newEntry(l.torrent, nil)
	made := &state{made: true, answer: answer, torrent: wire.WithTorrent(l.torrent, nil)}
	if !answer.InArena() {
		made.torrent.Torrent = answer.Body()
	}
	l.kept.state.Store(made)
	return l.kept
}
