package diskstore

import (
	"context"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// saveKnown writes the words and values that are missing into the log once more, so that
// they hold without the index, too; and with Options.noteLost which torrents are lost.
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
	if err := s.writeKnown(ctx, gone); err != nil || !s.options.noteLost {
		return err
	}
	// Of what the index cannot say what was in it the file is the only witness.
	return s.writeLost(ctx, slices.DeleteFunc(slices.Clone(gone), func(m lostPart) bool { return !m.counted }))
}

// writeKnown writes what the index knows of missing parts into the log.
func (s *Store) writeKnown(ctx context.Context, gone missing) error {
	batch := &copies{compaction: &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}}
	if err := batch.addKnown(ctx, gone.has); err != nil {
		return err
	}
	return batch.flush(ctx)
}

// saveWords writes the words and values in a damaged part of the log once more, as the
// index has them: else they would be lost with it. Where nothing can be written they stay
// there.
func (s *Store) saveWords(ctx context.Context, in index.Region) {
	batch := &copies{compaction: &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}}
	err := batch.addKnown(ctx, in)
	if err == nil {
		err = batch.flush(ctx)
	}
	if err != nil {
		s.options.Logger.Warn("removals whose records are damaged stand in the index alone", slog.Any("error", err))
	}
}

// noteGaps writes into the log what the index knows of its damaged parts: words and values
// whole, and of torrents that they are lost.
func (s *Store) noteGaps(ctx context.Context) error {
	c := &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}
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

// writeLost writes into the log which torrents are lost with missing parts, and compacts
// segments that end too early: then nothing is missing, and that is known without the
// index.
func (s *Store) writeLost(ctx context.Context, gone missing) error {
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	defer s.endTurn()
	c := &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}
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

// giveUpMissing writes into the log that what is missing is lost, so that it counts as
// taken away: its torrents stay damaged until they are uploaded again, and its files are
// not looked for any more.
func (s *Store) giveUpMissing(ctx context.Context) error {
	gone := *s.missing.Load()
	if err := s.writeKnown(ctx, gone); err != nil {
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

// retireAll notes that segments of which nothing is needed are gone for good.
func (s *Store) retireAll(ctx context.Context, segments []uint64) error {
	for _, segment := range segments {
		if err := s.noteRetired(ctx, segment, commit.Spans.With); err != nil {
			return err
		}
	}
	return nil
}

// noteRetired writes into the log that a segment, of which nothing is needed, is about to
// be taken away or is given up, by commit.Spans.With, or that it is there again, by
// commit.Spans.Without.
func (s *Store) noteRetired(ctx context.Context, segment uint64, change func(commit.Spans, uint64) commit.Spans) error {
	v, err := s.index.Value(commit.RetiredName)
	if err != nil {
		return err
	}
	return s.committer.Do(ctx, commit.RetireSize(v), func(g *commit.Group) (store.Outcome, error) {
		return 0, g.Retire(segment, change)
	})
}
