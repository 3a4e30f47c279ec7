package diskstore

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
)

// checkRetention returns an error if what o says of what is to be dropped cannot be.
func checkRetention(o Options) error {
	switch {
	case o.DropUnreadAfter != 0 && o.DropUnreadAfter < MinUnread:
		return fmt.Errorf("Options.DropUnreadAfter is %v, it must be at least %v", o.DropUnreadAfter, MinUnread)
	case o.Evict && o.MaxStoreSize < MinEvict:
		return fmt.Errorf("Options.Evict needs a MaxStoreSize of at least %d bytes", MinEvict)
	case o.Bounded != 0 && (o.Evict || o.DropUnreadAfter != 0):
		return fmt.Errorf("a bounded store drops by itself what is not read")
	}
	return nil
}

// DropUnread drops at once what the store would drop within a day because nobody used it for
// Options.DropUnreadAfter, and returns how many torrents that were. Compaction takes their
// bytes off the disk. Errors: ErrFull if there is no room to note it, ErrUnavailable, ctx's.
func (s *Store) DropUnread(ctx context.Context) (int64, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	return s.dropUnread(ctx)
}

func (s *Store) dropUnread(ctx context.Context) (int64, error) {
	cutoff := s.cutoff(s.options.DropUnreadAfter)
	before, err := s.putBefore(cutoff + 1)
	if err != nil {
		return 0, err
	}
	d := &dropping{store: s, cause: DropUnread, rule: func(of commit.Class, used uint32) bool {
		return s.options.DropUnreadAfter > 0 && used <= cutoff && (of < commit.Keyed || s.options.DropKeyed)
	}}
	kept := oldest{store: s}
	err = s.eachUse(ctx, func(u lastUse) error {
		if u.entry.Put > before || !d.rule(commit.ClassOf(u.entry.Rank), u.read) {
			return kept.see(u)
		}
		return d.add(ctx, u.entry)
	})
	if err == nil {
		err = d.flush(ctx)
	}
	if err == nil {
		s.oldest.Store(kept.day)
	}
	if d.dropped > 0 {
		s.options.Logger.Info("torrents were dropped that nobody used",
			slog.Int64("torrents", d.dropped), slog.Duration("for", s.options.DropUnreadAfter))
	}
	return d.dropped, err
}
