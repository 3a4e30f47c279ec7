package server

import (
	"context"
	"errors"
	"strconv"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// storeError says what a store's error on id means to the caller. It is the one
// place that maps them; calls that only read add OnRead.
func storeError(err error, id infohash.ID) *reason.Error {
	if own, ok := errors.AsType[*reason.Error](err); ok {
		return own // of the room that the store asked for
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return reason.New(reason.TorrentNotFound, "%s is not cached here", id)
	case errors.Is(err, store.ErrRemoved):
		return reason.New(reason.TorrentRemoved, "%s was removed by the operator", id)
	case errors.Is(err, store.ErrConflict):
		return reason.New(reason.TorrentConflict, "an info hash of %s names another torrent here", id).Because(err)
	case errors.Is(err, store.ErrDamaged):
		return reason.New(reason.TorrentDamaged, "the stored bytes of %s are damaged; upload the torrent again to heal it", id).Because(err)
	case errors.Is(err, store.ErrNotErased):
		return reason.New(reason.Overloaded, "%s is removed, but its bytes are not off the disk yet: what stands beside them could not be moved; remove it with erase again", id).Because(err)
	case errors.Is(err, store.ErrFull):
		return reason.New(reason.StorageFull, "the store has no room, try again later").Because(err)
	case errors.Is(err, store.ErrUnavailable):
		return reason.New(reason.Overloaded, "the store cannot answer now, try again later").Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return reason.New(reason.Overloaded, "the call ended before the store answered").Because(err)
	default:
		return internal(err)
	}
}

// torrentError is storeError for a caller that asks for a torrent or uploads it,
// and may have something to say about its removal.
func (s *Server) torrentError(err error, id infohash.ID) *reason.Error {
	e := storeError(err, id)
	if e.Reason == reason.TorrentRemoved && s.contact != "" {
		e.Message += "; questions go to " + s.contact
	}
	return e
}

// internal is an error that tells the caller nothing and the log everything.
func internal(cause error) *reason.Error {
	return reason.New(reason.Internal, "internal error; the server's log has the cause").Because(cause)
}

// quote returns text from a request for an error message: printable, and short
// whatever its length.
func quote(text string) string {
	const most = 80 // bytes
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
