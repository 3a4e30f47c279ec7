package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/server/rpc"
)

const (
	// wantedBatch bounds the torrents of one answer of WatchWanted: at most 450 KB.
	wantedBatch = 200

	// wantedHeartbeat is how often a watcher hears something, as the API promises.
	wantedHeartbeat = 10 * time.Second

	// lookSoon is how long after a torrent became wanted its readers ask again every few seconds. A
	// torrent that is not found by then takes minutes, or is not found at all.
	lookSoon = 2 * time.Minute

	// askLater is how long readers should wait after that.
	askLater = time.Minute
)

// mayBeWanted returns e, which says that the store lacks a torrent, so that no cache keeps the
// answer: each caller counts as one that wants the torrent, and the caller is not known here.
// [Server.missed] undoes it.
func (s *Server) mayBeWanted(e *reason.Error) *reason.Error {
	if s.Wanted == nil || !e.Lasting() {
		return e
	}
	return e.Looked(reason.NotWanted).After(askAgain)
}

// missed returns err, the error of a reader of the torrent of id. If the torrent is not here,
// missed notes that the caller of ctx wants it, and adds to err whether it is being looked for.
func (s *Server) missed(ctx context.Context, id infohash.ID, err error) error {
	e := reason.Of(err)
	if s.Wanted == nil || e == nil || e.Reason != reason.TorrentNotFound {
		return err
	}
	if e.Wanted() == reason.NotWanted {
		e = e.After(0)
	}
	is := !s.Wanted.Since(id).IsZero()
	if !origin.IsUncounted(ctx) {
		is = s.Wanted.Miss(id, origin.Block(origin.FromContext(ctx)), access.FromContext(ctx).Keyed)
	}
	if !is {
		return e.Looked(reason.NotWanted)
	}
	again := askAgain
	if time.Since(s.Wanted.Since(id)) > lookSoon {
		again = askLater
	}
	e = e.Looked(reason.Looking).After(again)
	e.Message += "; it is being looked for"
	return e
}

// errNothingWanted is the error of a server that does not collect wanted torrents.
func errNothingWanted() *reason.Error {
	return reason.New(reason.Unimplemented, "this server has no torrents looked for: start it with --max-wanted")
}

// WantTorrent implements CacheService.
func (s *Server) WantTorrent(ctx context.Context, req *torrentcachev1.WantTorrentRequest) (*torrentcachev1.WantTorrentResponse, error) {
	id, err := api.ParseHash("info_hash", req.GetInfoHash())
	switch {
	case err != nil:
		return nil, err
	case s.Wanted == nil:
		return nil, errNothingWanted()
	}
	if err := s.Limits.Want(rpc.Caller(ctx)); err != nil {
		return nil, err
	}
	found, err := s.isHere(ctx, id)
	if err != nil || found {
		return &torrentcachev1.WantTorrentResponse{Cached: found}, err
	}
	s.Wanted.Ask(id, req.GetTrackers())
	return &torrentcachev1.WantTorrentResponse{}, nil
}

// isHere reports whether the store has a torrent under id. Its error says that the torrent was
// removed or is denied, or that the store did not answer.
func (s *Server) isHere(ctx context.Context, id infohash.ID) (bool, error) {
	if s.Deny.Denies(id) {
		return false, reason.Hidden(id.String(), s.Contact)
	}
	held, err := s.Store.Has(ctx, []infohash.ID{id})
	if err == nil && held[0].Found() {
		return true, nil
	}
	if err == nil {
		_, err = s.Store.Get(ctx, id, nil) // which tells of a removal
	}
	if err == nil {
		return true, nil
	}
	e := api.TorrentError(err, id, s.Contact).OnRead()
	if e.Reason == reason.TorrentNotFound || e.Reason == reason.TorrentDamaged {
		return false, nil
	}
	return false, e
}

type wantedStream = grpc.ServerStreamingServer[torrentcachev1.WatchWantedResponse]

// WatchWanted implements SyncService.
func (s *Server) WatchWanted(_ *torrentcachev1.WatchWantedRequest, stream wantedStream) error {
	if s.Wanted == nil {
		return errNothingWanted()
	}
	ctx, number, first := stream.Context(), uint64(0), true
	timer := time.NewTimer(wantedHeartbeat)
	defer timer.Stop()
	for {
		all, next, more := s.Wanted.After(number, wantedBatch)
		if number == next && !first { // nothing new
			select {
			case <-more:
				continue
			case <-timer.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		answer, err := s.stillWanted(ctx, all)
		if err == nil {
			end := time.Now().Add(takeTime)
			err = send(stream, answer, func() error { return inTime(end) })
		}
		if err != nil {
			return err
		}
		number, first = next, false
		timer.Reset(wantedHeartbeat)
	}
}

// stillWanted returns an answer with those of all that are neither here nor hidden: a deny list
// may have changed since, or another node of the same store may have got one.
func (s *Server) stillWanted(ctx context.Context, all []wanted.Torrent) (*torrentcachev1.WatchWantedResponse, error) {
	answer := &torrentcachev1.WatchWantedResponse{}
	for _, t := range all {
		here, err := s.isHere(ctx, t.ID)
		switch e := reason.Of(err); {
		case e != nil && e.Reason == reason.TorrentRemoved || here:
			s.Wanted.Forget(t.ID)
			continue
		case e != nil:
			return nil, e
		}
		answer.Torrents = append(answer.Torrents, &torrentcachev1.WantedTorrent{
			InfoHash: t.ID.String(), AskedCount: t.Asked, SinceTime: timestamppb.New(t.Since.Truncate(time.Second)), Trackers: t.Trackers,
		})
	}
	return answer, nil
}
