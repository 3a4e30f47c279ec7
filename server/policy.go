package server

import (
	"context"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/server/rpc"
)

// rule describes one kind of torrent that this server does not store.
type rule struct {
	breaks func(s *Server, t *metainfo.Torrent) bool
	why    func(s *Server, t *metainfo.Torrent) *reason.Error
}

// rules has all rules. The first one that a torrent breaks becomes the error.
var rules = []rule{
	{
		func(s *Server, t *metainfo.Torrent) bool { return !s.takes(len(t.Bytes())) },
		func(s *Server, t *metainfo.Torrent) *reason.Error { return s.tooLarge(len(t.Bytes())) },
	},
	{
		func(s *Server, t *metainfo.Torrent) bool { return s.Deny.Denies(t.IDs().All()...) },
		func(s *Server, t *metainfo.Torrent) *reason.Error {
			return reason.Denied(t.IDs().Primary().String(), s.Contact)
		},
	},
	{
		func(s *Server, t *metainfo.Torrent) bool { return s.RefusePrivate && t.Private() },
		func(*Server, *metainfo.Torrent) *reason.Error {
			return reason.New(reason.TorrentRefused, "this server takes no private torrents: their tracker URLs carry a passkey that anyone could download")
		},
	},
	{
		func(s *Server, t *metainfo.Torrent) bool { return s.RefusePasskeys && t.HasPasskey() },
		func(*Server, *metainfo.Torrent) *reason.Error {
			return reason.New(reason.TorrentRefused, "the tracker address holds a passkey, this server refuses those.")
		},
	},
}

// pass checks everything that must hold before a torrent is stored: the rules, and how many bytes
// its writer may add. Call it before each put, and settle afterwards with whether the torrent was
// new.
func (s *Server) pass(ctx context.Context, t *metainfo.Torrent) (settle func(isNew bool), err error) {
	for _, rule := range rules {
		if rule.breaks(s, t) {
			return nil, rule.why(s, t)
		}
	}
	return s.budget(ctx, t)
}

// takes reports whether this server stores torrents of that size, in bytes.
func (s *Server) takes(size int) bool { return int64(size) <= s.MaxTorrentSize }

// tooLarge returns the refusal of a torrent of that size, in bytes, and counts it.
func (s *Server) tooLarge(size int) *reason.Error {
	s.Limits.TooLarge()
	return reason.New(reason.TorrentTooLarge, "the torrent has %d bytes, this server takes at most %d", size, s.MaxTorrentSize).On(torrentField)
}

// budget takes a torrent's bytes from the number that its writer may add; settle says whether they
// were new. A torrent that is here already costs nothing, so it passes even when the number is
// used up.
func (s *Server) budget(ctx context.Context, upload *metainfo.Torrent) (settle func(isNew bool), err error) {
	settle, err = s.Limits.NewBytes(rpc.Caller(ctx), int64(len(upload.Bytes())))
	if err == nil {
		return settle, nil
	}
	known, hasErr := s.Store.Has(ctx, []infohash.ID{upload.IDs().Primary()})
	if hasErr == nil && known[0].Found() {
		return func(bool) {}, nil
	}
	return nil, err
}
