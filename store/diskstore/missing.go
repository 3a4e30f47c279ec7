package diskstore

import (
	"context"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
)

// Missing is a segment file of which something is not there that should be.
type Missing struct {
	File     string // its name, relative to the folder of the store
	From     int64  // the offset at which it ends too early; 0: the file is gone
	Counted  bool   // whether the index knows what was in it
	Torrents int64  // that answer ErrDamaged for it, until uploads heal them
	Removed  int64  // removals in it; the index knows them, they hold
}

// Missing returns what was missing when the store was opened, in the order of the
// segments, with what of it is still not healed. A segment is missing that the log
// had, by its numbers or as the index knows, and that nobody took away on purpose.
func (s *Store) Missing() []Missing {
	var all []Missing
	for _, m := range *s.missing.Load() {
		a := s.index.accounts.get(m.segment)
		if m.torrents > 0 && a.damaged == 0 {
			continue // all healed
		}
		all = append(all, Missing{
			File: segmentsDir + "/" + segmentName(m.segment), From: m.from, Counted: m.counted,
			Torrents: a.damaged, Removed: m.words,
		})
	}
	return all
}

// lostPart is what is missing of a segment.
type lostPart struct {
	segment uint64
	from    int64 // 0: all of it
	counted bool  // whether the index knows what was in it
	words   int64 // removals in it

	torrents int64 // that were found to be lost
	unsaved  int64 // words that stand nowhere else in the log
}

// isSettled reports whether nothing of it is needed any more, as the index knows.
func (l lostPart) isSettled() bool { return l.counted && l.torrents == 0 && l.unsaved == 0 }

// missing is what is missing of the log, in the order of the segments. It is not changed
// once it is shared.
type missing []lostPart

// has reports whether a part of the record at a place is missing.
func (m missing) has(at location) bool {
	end := at.offset + recordSize(int(at.length))
	return slices.ContainsFunc(m, func(l lostPart) bool { return l.segment == at.segment && end > l.from })
}

// files returns the part of it of which the whole file is gone.
func (m missing) files() missing {
	return slices.DeleteFunc(slices.Clone(m), func(l lostPart) bool { return l.from > 0 })
}

// findMissing compares the files with the numbers of the segments, with what the log
// says was taken away, and with what the index knows, marks the torrents that are gone
// and tells the operator.
func (s *Store) findMissing() error {
	retired, err := newChangeSet(s.index, nil, s.committer.state).retired()
	if err != nil {
		s.options.Logger.Error("which segments were taken away on purpose cannot be told", slog.Any("error", err))
	}
	var found missing
	for id := uint64(1); id <= max(s.committer.active.id, s.committer.state.segment); id++ {
		known := s.index.accounts.has(id)
		switch seg := s.segments.get(id); {
		case seg == nil && !retired.has(id) && (known || err == nil):
			found = append(found, lostPart{segment: id, counted: known})
		case seg != nil && s.shouldReach(seg) > seg.size:
			found = append(found, lostPart{segment: id, from: max(seg.size, 1), counted: true})
		}
	}
	if len(found) == 0 {
		return nil
	}
	if err := s.markMissing(found); err != nil {
		return err
	}
	for _, m := range found {
		if m.isSettled() && m.from == 0 {
			s.settled = append(s.settled, m.segment)
		}
	}
	found = slices.DeleteFunc(found, lostPart.isSettled)
	s.missing.Store(&found)
	s.foundMissing = s.Missing()
	for _, m := range s.foundMissing {
		s.options.Logger.Error("damage: a segment file is missing, or ends too early; what the index knows of it holds",
			slog.String("file", m.File), slog.Int64("from", m.From), slog.Bool("counted", m.Counted),
			slog.Int64("torrents", m.Torrents), slog.Int64("removals", m.Removed))
	}
	return nil
}

// shouldReach returns the offset that the file of seg should reach at least; 0 if nothing
// was ever written behind its header.
func (s *Store) shouldReach(seg *segment) (end int64) {
	switch now := s.committer.state; {
	case s.segments.isSealed(seg):
		end = s.segments.end(seg)
	case seg.id == now.segment:
		end = now.offset
	}
	if end <= segmentStart {
		return 0
	}
	return end
}

// markMissing marks the torrents that are missing as damaged, and counts the removals.
func (s *Store) markMissing(found missing) error {
	entries, err := s.index.pointingTo(found.has)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(entries, replayBatch) {
		marks := newChangeSet(s.index, nil, s.committer.state)
		for _, e := range batch {
			news, err := marks.damage(e.ids.Primary(), e.at)
			if err != nil {
				return err
			}
			if news {
				s.options.OnDamage(e.ids)
			}
		}
		if err := s.index.commit(marks); err != nil {
			return err
		}
		s.committer.state, s.committer.published = marks.state, marks.state
	}
	words, err := s.index.wordsIn(found.has)
	for i := range found {
		found[i].count(s.index.accounts.get(found[i].segment), words)
	}
	return err
}

// count says what was in l, by the account of its segment and the words that stand in
// what is missing.
func (l *lostPart) count(a account, words []feedEntry) {
	l.torrents = a.damaged
	for _, f := range words {
		if f.at.segment != l.segment {
			continue
		}
		l.unsaved++
		if f.change.Kind == store.ChangeRemoved {
			l.words++
		}
	}
	if l.from == 0 {
		l.words = a.words
	}
}

// saveKnown writes the words and values that are missing into the log once more, so that
// they hold without the index, too; and with Options.noteLost which torrents are lost. If
// it cannot, the next Open tries again.
func (s *Store) saveKnown(ctx context.Context) {
	gone := *s.missing.Load()
	err := s.retireAll(ctx, s.settled)
	if err == nil && len(gone) > 0 {
		err = s.writeKnown(ctx, gone, s.options.noteLost)
	}
	if err != nil {
		s.options.Logger.Warn("what is known of the missing parts stands in the index alone; writing it into the log is tried again when the store is opened",
			slog.Any("error", err))
	}
}

// writeKnown writes what the index knows of missing parts into the log.
func (s *Store) writeKnown(ctx context.Context, gone missing, noteLost bool) error {
	batch := &copies{compaction: &compaction{store: s, now: s.options.Clock().Unix(), pace: newPace(0)}}
	if err := batch.addKnown(ctx, gone.has); err != nil {
		return err
	}
	if noteLost {
		if err := batch.addLost(ctx, gone.has, func(location) bool { return false }); err != nil {
			return err
		}
	}
	return batch.flush(ctx)
}

// giveUpMissing writes into the log that what is missing is lost, so that it counts as
// taken away: its torrents stay damaged until they are uploaded again, and its files are
// not looked for any more.
func (s *Store) giveUpMissing(ctx context.Context) error {
	all := *s.missing.Load()
	gone := all.files()
	if len(gone) == 0 {
		return nil
	}
	if err := s.writeKnown(ctx, gone, true); err != nil {
		return err
	}
	segments := make([]uint64, len(gone))
	for i, m := range gone {
		segments[i] = m.segment
	}
	if err := s.retireAll(ctx, segments); err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(m lostPart) bool { return m.from == 0 })
	s.missing.Store(&rest)
	return nil
}

// retireAll notes that segments of which nothing is needed are gone for good.
func (s *Store) retireAll(ctx context.Context, segments []uint64) error {
	for _, segment := range segments {
		if err := s.noteRetired(ctx, segment); err != nil {
			return err
		}
	}
	return nil
}
