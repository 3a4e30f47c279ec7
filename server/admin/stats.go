package admin

import (
	"context"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/server/internal/api"
	"github.com/torrentcache/torrentcache/store"
)

// GetStats implements AdminService.
func (s *Service) GetStats(ctx context.Context, req *torrentcachev1.GetStatsRequest) (*torrentcachev1.GetStatsResponse, error) {
	stats, err := s.server.Store.Stats(ctx)
	if err != nil {
		return nil, api.Error(err)
	}
	unread, err := s.unreadStats(ctx, req.GetUnreadSeconds())
	if err != nil {
		return nil, err
	}
	return &torrentcachev1.GetStatsResponse{
		TorrentCount: stats.Torrents,
		RemovedCount: stats.Removed,
		TorrentBytes: stats.Bytes,
		DiskBytes:    stats.DiskUsed,
		StartTime:    timestamppb.New(s.started),
		Version:      s.Version,

		MissingSegments: missingSegments(s.Maintenance),
		Upstreams:       s.upstreamStats(),
		Mirrors:         s.mirrorStats(),
		Unread:          unread,
	}, nil
}

// leastUnread is the shortest time for which GetStats can count unread torrents, in seconds: the
// store records only the days of reads.
const leastUnread = 24 * 60 * 60

// unreadStats counts the torrents that were not read for that many seconds; none for zero.
func (s *Service) unreadStats(ctx context.Context, seconds int64) ([]*torrentcachev1.UnreadStats, error) {
	switch {
	case seconds == 0:
		return nil, nil
	case seconds < leastUnread || seconds > int64(math.MaxInt64/time.Second):
		return nil, reason.New(reason.RequestInvalid, "unread_seconds %d: want at least %d, a day", seconds, leastUnread).On("unread_seconds")
	case s.Maintenance == nil:
		return nil, reason.New(reason.Unimplemented, "only a store on this server's disk counts unread torrents: a bucket does not record the days of reads")
	}
	unread, err := s.Maintenance.Unread(ctx, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, api.Error(err)
	}
	stats := make([]*torrentcachev1.UnreadStats, len(unread))
	for i, u := range unread {
		stats[i] = &torrentcachev1.UnreadStats{Rank: RankName(u.Rank), TorrentCount: u.Torrents, TorrentBytes: u.Bytes, OldestReadTime: api.Timestamp(u.Oldest)}
	}
	return stats, nil
}

// RankName returns the name of a rank in UnreadStats.
func RankName(rank store.Rank) string {
	switch {
	case rank >= store.RankKeyed:
		return "keyed"
	case rank >= store.RankAnonymous:
		return "anonymous"
	}
	return "fetched"
}

// upstreamStats returns the counts of the upstreams, for GetStats.
func (s *Service) upstreamStats() []*torrentcachev1.UpstreamStats {
	var all []*torrentcachev1.UpstreamStats
	for _, u := range s.server.Upstreams.Stats() {
		all = append(all, &torrentcachev1.UpstreamStats{
			Name: u.Name, AskedCount: u.Asked, FoundCount: u.Found, AbsentCount: u.Absent, FailedCount: u.Failed, Reachable: !u.Away,
		})
	}
	return all
}

// mirrorStats returns how far each mirror is, for GetStats.
func (s *Service) mirrorStats() []*torrentcachev1.MirrorStats {
	if s.Mirrors == nil {
		return nil
	}
	return s.Mirrors.Stats()
}

// missingSegments returns the missing files of a store in the form of the API; none if there is no
// maintenance.
func missingSegments(m Maintenance) []*torrentcachev1.MissingSegment {
	if m == nil {
		return nil
	}
	var segments []*torrentcachev1.MissingSegment
	for _, missing := range m.Missing() {
		segments = append(segments, &torrentcachev1.MissingSegment{
			File: missing.File, FromOffset: missing.From, Counted: missing.Counted,
			TorrentCount: missing.Torrents, RemovalCount: missing.Removed,
		})
	}
	return segments
}
