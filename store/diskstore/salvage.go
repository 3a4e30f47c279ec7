package diskstore

import (
	"context"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// saveKnown writes the words and values of missing parts into the log again, so that they hold
// without the index. With Options.noteLost it also records which torrents are lost.
func (s *Store) saveKnown(ctx context.Context) error {
	if err := s.retireAll(ctx, s.settled); err != nil {
		return err
	}
	for _, id := range s.returned {
		if err := s.noteRetired(ctx, id, commit.Spans.Without); err != nil {
			return err
		}
	}
	if s.options.noteLost {
		if err := s.noteGaps(ctx); err != nil {
			return err
		}
	}
	gone := *s.missing.Load()
	if len(gone) == 0 {
		return nil
	}
	if err := s.writeKnown(ctx, gone.has); err != nil || !s.options.noteLost {
		return err
	}
	// Skip files whose content the index does not know: each file is the only record of its
	// content, and may come back.
	return s.writeLost(ctx, slices.DeleteFunc(slices.Clone(gone), func(m lostPart) bool { return !m.counted }))
}

// writeKnown writes the words and values that the index has of a part of the log into the log
// again.
func (s *Store) writeKnown(ctx context.Context, of index.Region) error {
	batch := &copies{compaction: &compaction{store: s, now: s.options.Clock().Unix()}}
	if err := batch.addKnown(ctx, of); err != nil {
		return err
	}
	return batch.flush(ctx)
}

// saveWords writes the words and values of a damaged part of the log into the log again, from
// the index. If nothing can be written, they stay in the index alone.
func (s *Store) saveWords(ctx context.Context, in index.Region) {
	if err := s.writeKnown(ctx, in); err != nil {
		s.options.Logger.Warn("removals whose records are damaged are in the index alone", slog.Any("error", err))
	}
}

// noteGaps writes the index's knowledge of the damaged parts of the log into the log: words and
// values in full, and for each torrent only that it is lost.
func (s *Store) noteGaps(ctx context.Context) error {
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	batch := &copies{compaction: c}
	for _, id := range s.segments.IDs() {
		seg := s.segments.Get(id)
		end := s.committer.Stats().Offset
		if s.segments.IsSealed(seg) {
			end = s.segments.End(seg)
		}
		left, err := seg.GapsBefore(ctx, s.id, end)
		if err == nil && len(left) > 0 {
			err = batch.addGaps(ctx, id, left, s.options.GiveUp)
		}
		if err != nil {
			return err
		}
	}
	return batch.flush(ctx)
}

// writeLost records in the log which torrents are lost with missing parts, and compacts segments
// that end too early. Then nothing is missing any more, and the log says so without the index.
func (s *Store) writeLost(ctx context.Context, gone missing) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	c := &compaction{store: s, now: s.options.Clock().Unix()}
	batch := &copies{compaction: c}
	if err := batch.addLost(ctx, gone.has, func(format.Place) bool { return false }); err != nil {
		return err
	}
	if err := batch.flush(ctx); err != nil {
		return err
	}
	for _, m := range gone {
		if m.from > 0 {
			if err := c.segment(ctx, m.segment); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveUpMissing records in the log that the missing parts are lost. Their torrents stay damaged
// until they are uploaded again, and their files are not reported any more.
func (s *Store) giveUpMissing(ctx context.Context) error {
	gone := *s.missing.Load()
	if err := s.writeKnown(ctx, gone.has); err != nil {
		return err
	}
	if err := s.writeLost(ctx, gone); err != nil {
		return err
	}
	var files []uint64
	for _, m := range gone.files() {
		files = append(files, m.segment)
	}
	if err := s.retireAll(ctx, files); err != nil {
		return err
	}
	s.missing.Store(&missing{})
	return nil
}

// retireAll records that segments that nothing needs are gone for good.
func (s *Store) retireAll(ctx context.Context, segments []uint64) error {
	for _, segment := range segments {
		if err := s.noteRetired(ctx, segment, commit.Spans.With); err != nil {
			return err
		}
	}
	return nil
}

// noteRetired records in the log that a segment that nothing needs is about to be deleted or is
// given up (commit.Spans.With), or that it is back (commit.Spans.Without).
func (s *Store) noteRetired(ctx context.Context, segment uint64, change func(commit.Spans, uint64) commit.Spans) error {
	v, err := s.index.Value(commit.RetiredName)
	if err != nil {
		return err
	}
	return s.committer.Do(ctx, commit.RetireSize(v), func(g *commit.Group) error { return g.Retire(segment, change) })
}
