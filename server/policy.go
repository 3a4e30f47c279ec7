package server

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
)

// rule is one of what this server does not store.
type rule struct {
	breaks func(s *Server, t *metainfo.Torrent) bool
	why    func(s *Server, t *metainfo.Torrent) *reason.Error
}

// rules has them all; the writer is told of the first that its torrent breaks.
var rules = []rule{
	{
		func(s *Server, t *metainfo.Torrent) bool { return !s.takes(len(t.Bytes())) },
		func(s *Server, t *metainfo.Torrent) *reason.Error { return s.tooLarge(len(t.Bytes())) },
	},
	{
		func(s *Server, t *metainfo.Torrent) bool { return s.deny.Denies(t.IDs().All()...) },
		func(s *Server, t *metainfo.Torrent) *reason.Error {
			return reason.Denied(t.IDs().Primary().String(), s.contact)
		},
	},
	{
		func(s *Server, t *metainfo.Torrent) bool { return s.refusePrivate && t.Private() },
		func(*Server, *metainfo.Torrent) *reason.Error {
			return reason.New(reason.TorrentRefused, "this server takes no private torrents: their tracker URLs carry a passkey that anyone could download")
		},
	},
	{
		func(s *Server, t *metainfo.Torrent) bool { return s.refusePasskeys && t.HasPasskey() },
		func(*Server, *metainfo.Torrent) *reason.Error {
			return reason.New(reason.TorrentRefused, "the tracker address holds a passkey, this server refuses those.")
		},
	},
}

// pass holds a torrent to all that must be so before it is stored: the rules, and
// what its writer may add. Whatever puts a torrent calls it first, and settle
// afterwards, with whether the torrent was new.
func (s *Server) pass(ctx context.Context, t *metainfo.Torrent) (settle func(isNew bool), err error) {
	for _, rule := range rules {
		if rule.breaks(s, t) {
			return nil, rule.why(s, t)
		}
	}
	return s.budget(ctx, t)
}

// takes reports whether a torrent of that size is small enough.
func (s *Server) takes(size int) bool { return int64(size) <= s.maxSize }

// tooLarge refuses a torrent of that size, in bytes, and counts the refusal.
func (s *Server) tooLarge(size int) *reason.Error {
	s.limits.TooLarge()
	return reason.New(reason.TorrentTooLarge, "the torrent has %d bytes, this server takes at most %d", size, s.maxSize).On(torrentField)
}

// budget takes a torrent's bytes from what its writer may add; settle says
// whether they were new. One that is here already costs nothing, so it is taken
// whatever the writer has used up.
func (s *Server) budget(ctx context.Context, upload *metainfo.Torrent) (settle func(isNew bool), err error) {
	settle, err = s.limits.NewBytes(caller(ctx), int64(len(upload.Bytes())))
	if err == nil {
		return settle, nil
	}
	known, hasErr := s.store.Has(ctx, []infohash.ID{upload.IDs().Primary()})
	if hasErr == nil && known[0].Found() {
		return func(bool) {}, nil
	}
	return nil, err
}
