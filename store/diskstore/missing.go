package diskstore

import (
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
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
		a := s.index.Account(m.segment)
		isHealed := m.torrents > 0 && a.Damaged == 0
		isCompacted := m.from > 0 && s.segments.Get(m.segment) == nil
		if isHealed || isCompacted {
			continue
		}
		all = append(all, Missing{
			File: fileOfSegment(m.segment), From: m.from, Counted: m.counted,
			Torrents: a.Damaged, Removed: m.words,
		})
	}
	return all
}

// fileOfSegment returns the name of a segment's file, relative to the folder of the store.
func fileOfSegment(id uint64) string { return files.SegmentsDir + "/" + format.SegmentName(id) }

// lostPart is what is missing of a segment.
type lostPart struct {
	segment uint64
	from    int64 // 0: all of it
	counted bool  // whether the index knows what was in it
	words   int64 // removals in it

	torrents int64 // that were found to be lost
	unsaved  int64 // words and values that stand nowhere else in the log
}

// isSettled reports whether nothing of it is needed any more, as the index knows.
func (l lostPart) isSettled() bool { return l.counted && l.torrents == 0 && l.unsaved == 0 }

// missing is what is missing of the log, in the order of the segments. It is not changed
// once it is shared.
type missing []lostPart

// has reports whether a part of the record at a place is missing.
func (m missing) has(at format.Place) bool {
	end := at.Offset + format.RecordSize(int(at.Length))
	return slices.ContainsFunc(m, func(l lostPart) bool { return l.segment == at.Segment && end > l.from })
}

// files returns the part of it of which the whole file is gone.
func (m missing) files() missing {
	return slices.DeleteFunc(slices.Clone(m), func(l lostPart) bool { return l.from > 0 })
}

// findMissing does nothing for a bounded store, which loses nothing that is not elsewhere.
// It compares the files with the numbers of the segments, with what the log
// says was taken away, and with what the index knows, marks the torrents that are gone
// and tells the operator.
func (s *Store) findMissing() error {
	if s.options.Bounded > 0 {
		return nil
	}
	retired, err := commit.NewChangeSet(s.options.Bounded > 0, s.index, nil, s.committer.Stats()).Retired()
	if err != nil {
		s.options.Logger.Error("which segments were taken away on purpose cannot be told", slog.Any("error", err))
	}
	var found missing
	for id := uint64(1); id <= max(slices.Max(s.segments.IDs()), s.committer.Stats().Segment); id++ {
		known := s.index.HasAccount(id)
		switch seg := s.segments.Get(id); {
		case seg == nil && !retired.Has(id) && (known || err == nil):
			found = append(found, lostPart{segment: id, counted: known})
		case seg != nil && s.shouldReach(seg) > seg.Size:
			found = append(found, lostPart{segment: id, from: max(seg.Size, 1), counted: id > s.committer.Stats().Rebuilt})
		case seg != nil && retired.Has(id) && s.index.Account(id).Live > 0: // it came back
			s.returned = append(s.returned, id)
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
func (s *Store) shouldReach(seg *log.Segment) (end int64) {
	switch now := s.committer.Stats(); {
	case s.segments.IsSealed(seg):
		end = s.segments.End(seg)
	case seg.ID == now.Segment:
		end = now.Offset
	}
	if end <= format.SegmentStart {
		return 0
	}
	return end
}

// markBatch is how many marks the index is given at once.
const markBatch = 1000

// markMissing marks the torrents that are missing as damaged, and counts the removals.
func (s *Store) markMissing(found missing) error {
	entries, err := s.index.PointingTo(found.has)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(entries, markBatch) {
		marks := commit.NewChangeSet(s.options.Bounded > 0, s.index, nil, s.committer.Stats())
		for _, e := range batch {
			news, err := marks.Damage(e.IDs.Primary(), e.At)
			if err != nil {
				return err
			}
			if news {
				s.options.OnDamage(e.IDs)
			}
		}
		if err := s.index.Commit(&marks.Batch); err != nil {
			return err
		}
		s.committer.Restate(marks.State)
	}
	unsaved, err := commit.RelicsIn(s.index, found.has)
	for i := range found {
		found[i].count(s.index.Account(found[i].segment), unsaved)
	}
	return err
}

// count says what was in l, by the account of its segment and the words and values that
// stand nowhere but in what is missing.
func (l *lostPart) count(a index.Account, unsaved []commit.Relic) {
	l.torrents = a.Damaged
	for _, r := range unsaved {
		if r.At.Segment != l.segment {
			continue
		}
		l.unsaved++
		if r.Header.Kind == store.ChangeRemoved {
			l.words++
		}
	}
	if l.from == 0 {
		l.words = a.Words
	}
}
