package server

import (
	"context"
	"errors"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// Usage is what a store knows of the reads of its torrents, and of the torrents that it dropped
// because nobody read them. Its errors are those of a [store.Store]. It is safe for concurrent
// use.
type Usage interface {
	// Dropped returns for each of ids, in order, when it was dropped; the zero time for those
	// that are there, and those that were not dropped or so long ago that they may come again.
	Dropped(ctx context.Context, ids []infohash.ID) ([]time.Time, error)
	// LastAccess returns the day on which the torrent of id was last read, as its first second,
	// UTC; the zero time if that is not known.
	LastAccess(ctx context.Context, id infohash.ID) (time.Time, error)
	// Unread returns for each rank of writers the torrents that nobody read or
	// stored for age.
	Unread(ctx context.Context, age time.Duration) ([]store.Unread, error)
}

// leastUnread is the shortest time of which GetStats can say what was not read in it, in
// seconds: of reads the day is known.
const leastUnread = 24 * 60 * 60

// unreadStats returns what was not read for so many seconds; nothing for zero.
func (s *Server) unreadStats(ctx context.Context, seconds int64) ([]*torrentcachev1.UnreadStats, error) {
	switch {
	case seconds == 0:
		return nil, nil
	case seconds < leastUnread || seconds > int64(math.MaxInt64/time.Second):
		return nil, reason.New(reason.RequestInvalid, "unread_seconds %d: want at least %d, a day", seconds, leastUnread).On("unread_seconds")
	case s.usage == nil:
		return nil, reason.New(reason.Unimplemented, "what nobody read is known of a store on this server's disk; a bucket keeps no days of reads")
	}
	unread, err := s.usage.Unread(ctx, time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, storeError(err, infohash.ID{})
	}
	stats := make([]*torrentcachev1.UnreadStats, len(unread))
	for i, u := range unread {
		stats[i] = &torrentcachev1.UnreadStats{Rank: RankName(u.Rank), TorrentCount: u.Torrents, TorrentBytes: u.Bytes, OldestReadTime: timestamp(u.Oldest)}
	}
	return stats, nil
}

// RankName returns what UnreadStats calls a rank.
func RankName(rank store.Rank) string {
	switch {
	case rank >= store.RankKeyed:
		return "keyed"
	case rank >= store.RankAnonymous:
		return "anonymous"
	}
	return "fetched"
}

// lastRead returns the day on which the torrent of id was last read, nil if that is not known,
// or the caller may not know it. It tells of others, so it is for those who keep copies.
func (s *Server) lastRead(ctx context.Context, id infohash.ID) (*timestamppb.Timestamp, error) {
	if s.usage == nil || !access.FromContext(ctx).Roles.Has(access.Sync) {
		return nil, nil
	}
	at, err := s.usage.LastAccess(ctx, id)
	if errors.Is(err, store.ErrNotFound) { // it has just gone
		return nil, nil
	}
	if err != nil {
		return nil, storeError(err, id)
	}
	return timestamp(at), nil
}

// Dropped reports for each of ids, in order, whether the store dropped it lately, so that it is
// not to be copied from elsewhere.
func (c Copies) Dropped(ctx context.Context, ids []infohash.ID) ([]bool, error) {
	dropped := make([]bool, len(ids))
	if c.server.usage == nil {
		return dropped, nil
	}
	times, err := c.server.usage.Dropped(ctx, ids)
	if err != nil {
		return nil, apiError(err)
	}
	for i, at := range times {
		dropped[i] = !at.IsZero()
	}
	return dropped, nil
}
