package mirror

import (
	"context"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// What one follower has in memory at a time: torrents that were read and are not durable yet.
// A single torrent may be larger.
const (
	maxStoring      = batchSize // as many share a commit
	maxStoringBytes = 16 << 20
)

// storing stores torrents while others are read.
type storing struct {
	f       *Follower
	ctx     context.Context
	stop    context.CancelCauseFunc // of ctx, with the first error
	workers sync.WaitGroup

	mu    sync.Mutex
	freed *sync.Cond
	n     int   // torrents under way; guarded by mu
	bytes int64 // of those
}

func (f *Follower) newStoring(ctx context.Context) *storing {
	s := &storing{f: f}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.freed = sync.NewCond(&s.mu)
	return s
}

// add stores the torrent of an answer, of which id was asked, when there is room and its pace
// allows. It reports whether more may be added.
func (s *storing) add(id infohash.ID, answer *torrentcachev1.ReadTorrentsResponse) bool {
	size := int64(len(answer.GetTorrent()))
	if !s.f.pace.spend(s.ctx, int(size)) {
		return false
	}
	s.mu.Lock()
	for s.n > 0 && (s.n >= maxStoring || s.bytes+size > maxStoringBytes) {
		s.freed.Wait()
	}
	s.n, s.bytes = s.n+1, s.bytes+size
	s.mu.Unlock()
	s.workers.Go(func() {
		s.one(id, answer)
		s.mu.Lock()
		s.n, s.bytes = s.n-1, s.bytes-size
		s.mu.Unlock()
		s.freed.Signal()
	})
	return s.ctx.Err() == nil
}

// one stores a torrent. What this server refuses is done.
func (s *storing) one(id infohash.ID, answer *torrentcachev1.ReadTorrentsResponse) {
	err := s.f.Target.Keep(s.ctx, id, answer.GetTorrent(), s.f.rank(answer.GetRank()))
	if err != nil && forNow(err) {
		s.stop(err)
		return
	}
	s.f.count(func(stats *Stats) {
		switch {
		case err == nil:
			stats.Torrents++
			stats.Bytes += int64(len(answer.GetTorrent()))
		case reason.Of(err).Reason == reason.TorrentInvalid:
			stats.Wrong++
		default:
			stats.Refused++
		}
	})
}

// wait returns when nothing is under way, with the first error.
func (s *storing) wait() error {
	s.workers.Wait()
	err := context.Cause(s.ctx)
	s.stop(nil)
	return err
}

// rank returns what a torrent counts for here that has that rank there.
func (f *Follower) rank(there int32) store.Rank {
	if !f.KeepRanks {
		return store.RankFetched
	}
	return store.Rank(min(max(there, int32(store.RankFetched)), int32(store.RankKeyed)))
}
