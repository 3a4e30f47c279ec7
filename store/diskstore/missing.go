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

// Missing is a segment file that is gone or ends too early.
type Missing struct {
	File     string // the name of the file, relative to the folder of the store
	From     int64  // the offset at which the file ends too early; 0: the file is gone
	Counted  bool   // whether the index knows its content
	Torrents int64  // torrents that answer ErrDamaged because of it, until uploads heal them
	Removed  int64  // removals in it, which the index keeps in force
}

// Missing returns the parts that were missing when the store was opened, in the order of
// segments, without those that have healed. A segment counts as missing if the log had it, by
// its number or according to the index, and nobody deleted it on purpose.
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

// lostPart is the missing part of a segment.
type lostPart struct {
	segment uint64
	from    int64 // 0: all of it
	counted bool  // whether the index knows its content
	words   int64 // removals in it

	torrents int64 // found to be lost
	unsaved  int64 // words and values that are nowhere else in the log
}

// isSettled reports whether nothing needs the part any more, according to the index.
func (l lostPart) isSettled() bool { return l.counted && l.torrents == 0 && l.unsaved == 0 }

// missing are the missing parts of the log, in the order of segments. It is not changed once it
// is shared.
type missing []lostPart

// has reports whether a part of the record at a place is missing.
func (m missing) has(at format.Place) bool {
	end := at.Offset + format.RecordSize(int(at.Length))
	return slices.ContainsFunc(m, func(l lostPart) bool { return l.segment == at.Segment && end > l.from })
}

// files returns the parts whose whole file is gone.
func (m missing) files() missing {
	return slices.DeleteFunc(slices.Clone(m), func(l lostPart) bool { return l.from > 0 })
}

// findMissing finds missing parts of the log. It compares the files with the numbers of the
// segments, with the deletions recorded in the log, and with the index. It marks the torrents in
// the missing parts as damaged and tells the operator. For a bounded store it does nothing,
// because everything in it is elsewhere, too.
func (s *Store) findMissing() error {
	if s.options.Bounded > 0 {
		return nil
	}
	retired, err := commit.NewChangeSet(s.options.Bounded > 0, s.index, nil, s.committer.Stats()).Retired()
	if err != nil {
		s.options.Logger.Error("cannot tell which segments were deleted on purpose", slog.Any("error", err))
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
		s.options.Logger.Error("damage: a segment file is missing, or ends too early; its entries in the index stay in force",
			slog.String("file", m.File), slog.Int64("from", m.From), slog.Bool("counted", m.Counted),
			slog.Int64("torrents", m.Torrents), slog.Int64("removals", m.Removed))
	}
	return nil
}

// shouldReach returns the least size that the file of seg should have; 0 if nothing was ever
// written after its header.
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

// markBatch is how many marks the index gets at a time.
const markBatch = 1000

// markMissing marks the missing torrents as damaged, and counts the removals.
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
	unsaved, err := commit.SurvivorsIn(s.index, found.has)
	for i := range found {
		found[i].count(s.index.Account(found[i].segment), unsaved)
	}
	return err
}

// count counts the content of l, from the account of its segment and from unsaved, the words and
// values that are nowhere but in missing parts.
func (l *lostPart) count(a index.Account, unsaved []commit.Survivor) {
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
