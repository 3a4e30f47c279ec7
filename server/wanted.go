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
)

const (
	// wantedBatch bounds the torrents of one answer of WatchWanted: at most 450 KB.
	wantedBatch = 200

	// wantedHeartbeat is how often a watcher hears something, as the API promises.
	wantedHeartbeat = 10 * time.Second

	// lookSoon is how long after a torrent became wanted its readers ask again every few
	// seconds. What is not found then takes minutes, or is not found at all.
	lookSoon = 2 * time.Minute

	// askLater is after what time they ask again then.
	askLater = time.Minute
)

// mayBeWanted is e, that the store lacks a torrent. While torrents can be wanted no cache keeps
// that: each caller counts, and here it is not known who calls. [Server.missed] undoes it.
func (s *Server) mayBeWanted(e *reason.Error) *reason.Error {
	if s.wanted == nil || !e.Lasting() {
		return e
	}
	return e.Looked(reason.NotWanted).After(askAgain)
}

// missed returns err, with which a reader of the torrent of id ends. If that is not here, it notes
// that the caller of ctx wants it, and says whether it is looked for.
func (s *Server) missed(ctx context.Context, id infohash.ID, err error) error {
	e := reason.Of(err)
	if s.wanted == nil || e == nil || e.Reason != reason.TorrentNotFound {
		return err
	}
	if e.Wanted() == reason.NotWanted {
		e = e.After(0)
	}
	is := !s.wanted.Since(id).IsZero()
	if !origin.IsUncounted(ctx) {
		is = s.wanted.Miss(id, origin.Block(origin.FromContext(ctx)), access.FromContext(ctx).Keyed)
	}
	if !is {
		return e.Looked(reason.NotWanted)
	}
	again := askAgain
	if time.Since(s.wanted.Since(id)) > lookSoon {
		again = askLater
	}
	e = e.Looked(reason.Looking).After(again)
	e.Message += "; it is being looked for"
	return e
}

// errNothingWanted is of a server that keeps no book of what is wanted.
func errNothingWanted() *reason.Error {
	return reason.New(reason.Unimplemented, "this server has no torrents looked for: start it with --max-wanted")
}

// WantTorrent implements CacheService.
func (s *cacheService) WantTorrent(ctx context.Context, req *torrentcachev1.WantTorrentRequest) (*torrentcachev1.WantTorrentResponse, error) {
	id, err := parseHash("info_hash", req.GetInfoHash())
	switch {
	case err != nil:
		return nil, err
	case s.wanted == nil:
		return nil, errNothingWanted()
	}
	if err := s.limits.Want(caller(ctx)); err != nil {
		return nil, err
	}
	found, err := s.isHere(ctx, id)
	if err != nil || found {
		return &torrentcachev1.WantTorrentResponse{Cached: found}, err
	}
	s.wanted.Ask(id, req.GetTrackers())
	return &torrentcachev1.WantTorrentResponse{}, nil
}

// isHere reports whether there is a torrent under id. The error says that it was removed, or is
// denied, or that nobody knows.
func (s *Server) isHere(ctx context.Context, id infohash.ID) (bool, error) {
	if s.deny.Denies(id) {
		return false, reason.Hidden(id.String(), s.contact)
	}
	held, err := s.store.Has(ctx, []infohash.ID{id})
	if err == nil && held[0].Found() {
		return true, nil
	}
	if err == nil {
		_, err = s.store.Get(ctx, id, nil) // which tells of a removal
	}
	if err == nil {
		return true, nil
	}
	e := s.torrentError(err, id).OnRead()
	if e.Reason == reason.TorrentNotFound || e.Reason == reason.TorrentDamaged {
		return false, nil
	}
	return false, e
}

type wantedStream = grpc.ServerStreamingServer[torrentcachev1.WatchWantedResponse]

// WatchWanted implements SyncService.
func (s *syncService) WatchWanted(_ *torrentcachev1.WatchWantedRequest, stream wantedStream) error {
	if s.wanted == nil {
		return errNothingWanted()
	}
	ctx, number, first := stream.Context(), uint64(0), true
	timer := time.NewTimer(wantedHeartbeat)
	defer timer.Stop()
	for {
		all, next, more := s.wanted.After(number, wantedBatch)
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
			err = sendInTime(stream, answer, takeTime)
		}
		if err != nil {
			return err
		}
		number, first = next, false
		timer.Reset(wantedHeartbeat)
	}
}

// stillWanted returns an answer with those of all that are neither here nor hidden: a deny list may
// have changed since, or another node of the same store has got one.
func (s *Server) stillWanted(ctx context.Context, all []wanted.Torrent) (*torrentcachev1.WatchWantedResponse, error) {
	answer := &torrentcachev1.WatchWantedResponse{}
	for _, t := range all {
		here, err := s.isHere(ctx, t.ID)
		switch e := reason.Of(err); {
		case e != nil && e.Reason == reason.TorrentRemoved || here:
			s.wanted.Forget(t.ID)
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
