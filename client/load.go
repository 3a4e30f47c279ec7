package client

import (
	"context"
	"errors"

	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// load is the stage that loads and hashes items.
func (p *pusher) load(ctx context.Context) error {
	for {
		j, ok := receive(ctx, p.toLoad)
		if !ok {
			return nil
		}
		before := int64(len(j.item.Torrent))
		if j.item.Torrent == nil {
			before = max(0, j.item.Size)
		}
		result, ready := p.prepare(j)
		if !ready {
			p.finish(j, result)
			continue
		}
		grown := int64(len(j.torrent)) - before
		j.held += grown
		p.room.adjust(grown)
		if !p.flights.join(j.flight(), j) {
			continue // the job that lands the flight finishes j too
		}
		j.flies = true
		if !pass(ctx, p.toAsk, j) {
			return nil
		}
	}
}

// prepare loads, inflates and parses the item. It returns true if the item is to be pushed, else
// the item's result and false.
func (p *pusher) prepare(j *job) (Result, bool) {
	raw := j.item.Torrent
	if raw == nil {
		var err error
		if raw, err = j.item.Load(); err != nil {
			return unreadable(err), false
		}
	}
	torrent, refusal := p.parse(raw)
	if refusal != nil {
		return refused(refusal), false
	}
	j.item.Torrent = nil
	j.torrent, j.ids, j.id = torrent.Bytes(), torrent.IDs(), torrent.IDs().Primary()
	j.layers = !j.ids.V2.IsZero() && !torrent.MissingPieceLayers()
	if torrent.Private() && !p.o.IncludePrivate {
		return Result{Status: Private}, false
	}
	if !torrent.Private() && !p.o.IncludePasskeys && torrent.HasPasskey() {
		return Result{
			Status: Passkey, Reason: string(reason.TorrentRefused),
			Message: "the tracker address holds a passkey, which anyone could download; it was not sent",
		}, false
	}
	return Result{}, true
}

// parse applies the server's rules to a file, as far as the client knows them.
func (p *pusher) parse(raw []byte) (*metainfo.Torrent, *reason.Error) {
	if int64(len(raw)) > p.maxSize {
		return nil, reason.New(reason.TorrentTooLarge, "the file has more than %d bytes", p.maxSize)
	}
	plain, err := inflate.Inflate(raw, p.maxSize)
	switch {
	case errors.Is(err, inflate.ErrTooLarge):
		return nil, reason.New(reason.TorrentTooLarge, "the file has more than %d bytes when decompressed", p.maxSize)
	case err != nil:
		return nil, reason.New(reason.TorrentInvalid, "%s", err)
	case len(plain) == 0:
		return nil, reason.New(reason.TorrentEmpty, "the file has no bytes")
	}
	torrent, err := metainfo.Parse(plain)
	if err != nil {
		return nil, reason.New(reason.TorrentInvalid, "%s", err)
	}
	return torrent, nil
}

// unreadable returns the result of an item whose bytes cannot be loaded. An error of package
// reason, such as a source's TORRENT_TOO_LARGE, makes it a refusal.
func unreadable(err error) Result {
	if e, ok := errors.AsType[*reason.Error](err); ok {
		return refused(e)
	}
	return Result{Status: Unreadable, Reason: string(reason.TorrentMissing), Message: err.Error()}
}
