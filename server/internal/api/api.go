// Package api converts between stores and callers: the errors of a store to errors of the API, and
// the texts of requests to info hashes. Everything in it is safe for concurrent use.
package api

import (
	"context"
	"errors"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// Error returns the API's error for a store's error that is not about one torrent; nil for nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return StoreError(err, infohash.ID{})
}

// StoreError returns the API's error for a store's error about id. No other function maps them;
// calls that only read add OnRead.
func StoreError(err error, id infohash.ID) *reason.Error {
	if own, ok := errors.AsType[*reason.Error](err); ok {
		return own // from the Alloc that the store called
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
		return reason.New(reason.Overloaded, "%s is removed, but its bytes are not off the disk yet: the records beside them could not be moved; remove it with erase again", id).Because(err)
	case errors.Is(err, store.ErrFull):
		return reason.New(reason.StorageFull, "the store has no room, try again later").Because(err)
	case errors.Is(err, store.ErrUnavailable):
		return reason.New(reason.Overloaded, "the store cannot answer now, try again later").Because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return reason.New(reason.Overloaded, "the call ended before the store answered").Because(err)
	default:
		return reason.Unexpected(err)
	}
}

// TorrentError is StoreError for a caller that reads or uploads the torrent. For a removed torrent
// the message names contact, unless that is empty.
func TorrentError(err error, id infohash.ID, contact string) *reason.Error {
	e := StoreError(err, id)
	if errors.Is(err, store.ErrRemoved) && contact != "" {
		e.Message += "; questions go to " + contact
	}
	return e
}

// ParseHash reads the info hash in the field of a request. Its error names the field.
func ParseHash(field, text string) (infohash.ID, error) {
	id, err := infohash.Parse(text)
	if err != nil {
		return infohash.ID{}, reason.New(reason.HashMalformed, "%s; got %s", err, Quote(text)).On(field)
	}
	return id, nil
}

// Quote returns text from a request in a form for an error message: printable, and cut if it is
// long.
func Quote(text string) string {
	const most = 80 // bytes
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// Timestamp returns t as a message; nil for the zero time.
func Timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
