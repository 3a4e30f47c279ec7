package server

import (
	"context"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
)

// askAgain is how long a reader should wait before it asks again for a torrent that may be
// elsewhere.
const askAgain = 5 * time.Second

// absent returns e, the reason why id was not read, with the state of id at the upstreams. The
// answer that a torrent is missing lasts only if the upstreams do not have it either.
func (s *Server) absent(id infohash.ID, e *reason.Error) *reason.Error {
	if s.Upstreams == nil || e.Reason != reason.TorrentNotFound {
		return e
	}
	return notHere(e, s.Upstreams.Known(id))
}

// notHere returns e, which says that a torrent is not here, with the answer of the upstreams.
func notHere(e *reason.Error, state upstream.State) *reason.Error {
	e = e.Upstreams(string(state))
	switch state {
	case upstream.Absent:
		e.Message += ", nor at the upstreams"
		return e
	case upstream.Asking:
		e.Message += "; the upstreams are being asked"
	case upstream.Failed:
		e.Message += "; an upstream that may have it does not answer"
	case upstream.Busy, upstream.Limited:
		e.Message += "; too many torrents are being looked for at the upstreams"
	}
	return e.After(askAgain)
}

// orFetched returns the result of read, by which the caller of ctx reads the torrent of id. If
// read finds none, orFetched asks the upstreams; when one has the torrent, it is in the store, and
// read runs again. A torrent that is not there either is noted as wanted.
func orFetched[T any](ctx context.Context, s *Server, id infohash.ID, read func() (T, error)) (T, error) {
	got, err := orAsked(ctx, s, id, read)
	return got, s.missed(ctx, id, err)
}

// orAsked is orFetched, except that it does not note wanted torrents.
func orAsked[T any](ctx context.Context, s *Server, id infohash.ID, read func() (T, error)) (T, error) {
	got, err := read()
	if err == nil || s.Upstreams == nil {
		return got, err
	}
	e := reason.Of(err)
	if e.Reason != reason.TorrentNotFound || e.Lasting() || origin.Looped(metadata.ValueFromIncomingContext(ctx, origin.LoopHeader)) {
		return got, err
	}
	s.warnOfProxy(ctx)
	switch state := s.Upstreams.Fetch(ctx, id, rpc.Caller(ctx), s.here(ctx, id)); {
	case state == upstream.Found:
		return read()
	case ctx.Err() != nil:
		return got, ctx.Err()
	default:
		return got, notHere(api.StoreError(store.ErrNotFound, id).OnRead(), state)
	}
}

// warnOfProxy logs once that an edge or a proxy calls on behalf of others and is not trusted: all
// its clients share the rate of one address. The doors in this process have a warning of their
// own.
func (s *Server) warnOfProxy(ctx context.Context) {
	from, ok := peer.FromContext(ctx)
	if !ok || rpc.FromDoor(ctx) || len(metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")) == 0 {
		return
	}
	if known := origin.FromContext(ctx); known == origin.PeerAddr(from.Addr) || known == origin.Unknown {
		s.proxyWarning.Do(func() {
			s.Logger.Warn("a call has x-forwarded-for, and comes from an address that --trusted-proxies does not name: if that is an edge or a proxy, all its readers share one --upstream-rate; name it")
		})
	}
}

// here returns functions for a search for id on behalf of the caller of ctx. Keep stores a torrent
// as that caller's upload, with the lowest rank. Both may be used after the call has ended.
func (s *Server) here(ctx context.Context, id infohash.ID) upstream.Here {
	from, who := origin.FromContext(ctx), access.FromContext(ctx)
	holds := func(ctx context.Context) bool {
		held, err := s.Store.Has(ctx, []infohash.ID{id})
		return err == nil && held[0].Rank != 0
	}
	keep := func(ctx context.Context, torrent []byte) error {
		ctx = access.NewContext(origin.NewContext(ctx, from), who)
		err := rpc.Safely(func() error {
			parsed, reserved, err := s.receive(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent, ExpectedInfoHash: id.String()}, false)
			if err != nil {
				return err
			}
			defer reserved.Release()
			_, err = s.keep(ctx, parsed, store.RankFetched)
			return err
		})
		s.Items.Log(ctx, torrentcachev1.CacheService_GetTorrent_FullMethodName, []error{err})
		return err
	}
	return upstream.Here{Holds: holds, Keep: keep}
}
