package mirror

import (
	"context"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/store"
)

// reading is one call of ReadTorrents with its results.
type reading struct {
	follower *Follower
	storing  *storing
	removals []removedThere
	later    []*item // items that the source has and could not give now
}

// read asks the source for items and acts on the answers. It returns the items that the source has
// and could not give now.
func (f *Follower) read(ctx context.Context, items []*item) (later []*item, err error) {
	r := &reading{follower: f, storing: f.newStoring(ctx)}
	rest, err := r.all(ctx, items)
	if waitErr := r.storing.wait(); err == nil {
		err = waitErr
	}
	if err == nil && len(r.removals) > 0 && f.Removals != Ignore && !f.skips() {
		err = f.remove(ctx, r.removals)
	}
	if err != nil || f.paused() || len(rest) == 0 {
		return r.later, err
	}
	more, err := f.read(ctx, rest)
	return append(r.later, more...), err
}

// all acts on the source's answers about items. A torrent too large to be received ends the call;
// then all returns the items behind it, about which the source has not answered yet.
func (r *reading) all(ctx context.Context, items []*item) (rest []*item, err error) {
	next := 0
	for answer, err := range r.follower.Source.ReadTorrents(ctx, idsOf(items)) {
		if err != nil && next < len(items) && reason.Of(err).Reason == reason.TorrentTooLarge {
			r.follower.count(func(s *Stats) { s.Refused++ })
			return items[next+1:], nil
		}
		if err != nil {
			return nil, err
		}
		if goesOn, err := r.one(ctx, items[next], answer); err != nil || !goesOn {
			return nil, err
		}
		next++
	}
	return nil, nil
}

// one acts on the source's answer about one item, and reports whether to go on.
func (r *reading) one(ctx context.Context, it *item, answer *torrentcachev1.ReadTorrentsResponse) (goesOn bool, err error) {
	f := r.follower
	switch {
	case answer.GetRemoval() != nil:
		if !it.late {
			r.removals = append(r.removals, removedThere{it.set, origin(answer.GetRemoval())})
		}
		return true, nil
	case answer.GetError().GetReason() == string(reason.Overloaded):
		r.later = append(r.later, it)
		return true, nil
	}
	if it.restored {
		if err := f.Target.Restore(ctx, f.Name, it.set); err != nil {
			return false, err
		}
	}
	if len(answer.GetTorrent()) == 0 || it.dropped {
		return true, nil
	}
	return r.storing.add(it.set.Primary(), answer), nil
}

func idsOf(items []*item) []infohash.ID {
	ids := make([]infohash.ID, len(items))
	for i, it := range items {
		ids[i] = it.set.Primary()
	}
	return ids
}

// skips reports whether removals are passed over.
func (f *Follower) skips() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.Removal.Skip
}

// maxOrigin is the longest name of an origin, in bytes.
const maxOrigin = 64

// origin returns the name of a removal's origin, or "" if the name is longer than maxOrigin.
func origin(r *torrentcachev1.RemovalNotice) string {
	if len(r.GetOrigin()) > maxOrigin {
		return ""
	}
	return r.GetOrigin()
}

// Bounds of the torrents that one follower holds in memory at a time: those that were read and are
// not durable yet. A single torrent may be larger than maxStoringBytes.
const (
	maxStoring      = batchSize // as many share a commit
	maxStoringBytes = 16 << 20
)

// storing stores torrents while others are read.
type storing struct {
	f       *Follower
	ctx     context.Context
	stop    context.CancelCauseFunc // ends ctx with the first error
	workers sync.WaitGroup

	mu    sync.Mutex
	freed *sync.Cond
	n     int   // torrents under way; guarded by mu
	bytes int64 // size of those torrents; guarded by mu
}

func (f *Follower) newStoring(ctx context.Context) *storing {
	s := &storing{f: f}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.freed = sync.NewCond(&s.mu)
	return s
}

// add waits until the pace allows and there is room, and then stores the torrent of the answer
// about id in a goroutine. It reports whether more may be added.
func (s *storing) add(id infohash.ID, answer *torrentcachev1.ReadTorrentsResponse) bool {
	size := int64(len(answer.GetTorrent()))
	if s.f.pace.Spend(s.ctx, size) != nil {
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

// one stores a torrent. A torrent that this server refuses for good is counted, and is no error.
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

// wait waits until nothing is under way and returns the first error.
func (s *storing) wait() error {
	s.workers.Wait()
	err := context.Cause(s.ctx)
	s.stop(nil)
	return err
}

// rank returns the rank here of a torrent whose rank at the source is there.
func (f *Follower) rank(there int32) store.Rank {
	if !f.KeepRanks {
		return store.RankFetched
	}
	return store.Rank(min(max(there, int32(store.RankFetched)), int32(store.RankKeyed)))
}
