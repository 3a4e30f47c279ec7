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
	"github.com/torrentcache/torrentcache/store"
)

// askAgain is after what time a reader may try again whose torrent may be elsewhere.
const askAgain = 5 * time.Second

// absent is e, which says why id was not read, with what is known of it at the upstreams. That
// it is not here lasts only if they do not have it either.
func (s *Server) absent(id infohash.ID, e *reason.Error) *reason.Error {
	if s.upstreams == nil || e.Reason != reason.TorrentNotFound {
		return e
	}
	return notHere(e, s.upstreams.Known(id))
}

// notHere is e, that a torrent is not here, with what the upstreams say of it.
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

// orFetched returns what read returns, for a caller of ctx that reads the torrent of id. If read
// finds none the upstreams are asked; when they have it, it is in the store, and read again. What is
// not there either is noted as wanted.
func orFetched[T any](ctx context.Context, s *Server, id infohash.ID, read func() (T, error)) (T, error) {
	got, err := orAsked(ctx, s, id, read)
	return got, s.missed(ctx, id, err)
}

// orAsked is orFetched, but for what is wanted.
func orAsked[T any](ctx context.Context, s *Server, id infohash.ID, read func() (T, error)) (T, error) {
	got, err := read()
	if err == nil || s.upstreams == nil {
		return got, err
	}
	e := reason.Of(err)
	if e.Reason != reason.TorrentNotFound || e.Lasting() || origin.Looped(metadata.ValueFromIncomingContext(ctx, origin.LoopHeader)) {
		return got, err
	}
	s.warnOfProxy(ctx)
	switch state := s.upstreams.Fetch(ctx, id, caller(ctx), s.here(ctx, id)); {
	case state == upstream.Found:
		return read()
	case ctx.Err() != nil:
		return got, ctx.Err()
	default:
		return got, notHere(storeError(store.ErrNotFound, id).OnRead(), state)
	}
}

// warnOfProxy tells the operator, once, of an edge or proxy that calls on behalf of others and is
// not believed: all of them share the rate of one address. The doors in this process have a
// warning of their own.
func (s *Server) warnOfProxy(ctx context.Context) {
	from, ok := peer.FromContext(ctx)
	if !ok || fromDoor(ctx) || len(metadata.ValueFromIncomingContext(ctx, "x-forwarded-for")) == 0 {
		return
	}
	if known := origin.FromContext(ctx); known == origin.PeerAddr(from.Addr) || known == origin.Unknown {
		s.proxyWarning.Do(func() {
			s.logger.Warn("a call has x-forwarded-for, and comes from an address that --trusted-proxies does not name: if that is an edge or a proxy, all its readers share one --upstream-rate; name it")
		})
	}
}

// here returns what a search for id on behalf of the caller of ctx needs. It keeps a torrent as
// an upload of that caller, with a rank below all others. It may be used after the call has ended.
func (s *Server) here(ctx context.Context, id infohash.ID) upstream.Here {
	from, who := origin.FromContext(ctx), access.FromContext(ctx)
	holds := func(ctx context.Context) bool {
		held, err := s.store.Has(ctx, []infohash.ID{id})
		return err == nil && held[0].Rank != 0
	}
	keep := func(ctx context.Context, torrent []byte) error {
		ctx = access.NewContext(origin.NewContext(ctx, from), who)
		_, err := safely(func() (any, error) {
			parsed, hold, err := s.receive(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent, ExpectedInfoHash: id.String()}, false)
			if err != nil {
				return nil, err
			}
			defer hold.Release()
			return s.keep(ctx, parsed, store.RankFetched)
		})
		s.logItems(ctx, torrentcachev1.CacheService_GetTorrent_FullMethodName, []error{err})
		return err
	}
	return upstream.Here{Holds: holds, Keep: keep}
}

// upstreamStats is what the upstreams answered, for GetStats.
func (s *Server) upstreamStats() []*torrentcachev1.UpstreamStats {
	var all []*torrentcachev1.UpstreamStats
	for _, u := range s.upstreams.Stats() {
		all = append(all, &torrentcachev1.UpstreamStats{
			Name: u.Name, AskedCount: u.Asked, FoundCount: u.Found, AbsentCount: u.Absent, FailedCount: u.Failed, Reachable: !u.Away,
		})
	}
	return all
}
