package diskstore

import (
	"context"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// Unread returns what nobody used for age, as [Options.DropUnreadAfter] counts it, for each rank
// of writers: fetched, anonymous, keyed, in this order. It reads the whole index. Errors:
// ErrUnavailable, ErrDamaged, or ctx's error.
func (s *Store) Unread(ctx context.Context, age time.Duration) ([]store.Unread, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	cutoff := s.cutoff(age)
	before, err := s.putBefore(cutoff + 1)
	if err != nil {
		return nil, err
	}
	counts := [classes]store.Unread{{Rank: store.RankFetched}, {Rank: store.RankAnonymous}, {Rank: store.RankKeyed}}
	var used [classes]oldest
	for i := range used {
		used[i].store = s
	}
	err = s.eachUse(ctx, func(u lastUse) error {
		if u.entry.put > before || u.read > cutoff {
			return nil
		}
		// What was read in the last minute may not be in the index yet.
		if u.read = max(u.read, s.accesses.last(u.entry.ids.Primary())); u.read > cutoff {
			return nil
		}
		of := classOf(u.entry.rank)
		counts[of].Torrents++
		counts[of].Bytes += int64(u.entry.at.length)
		return used[of].see(u)
	})
	if err != nil {
		return nil, err
	}
	for i := range counts {
		if counts[i].Torrents > 0 {
			counts[i].Oldest = time.Unix(int64(used[i].day)*day, 0).UTC()
		}
	}
	return counts[:], nil
}
