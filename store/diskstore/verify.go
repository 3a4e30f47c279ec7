package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// VerifyOptions say how [Store.Verify] goes about it. The zero value checks
// everything as fast as it can.
type VerifyOptions struct {
	// BytesPerSecond bounds how fast torrents are read. 0 means no bound.
	BytesPerSecond int64
	// Check is asked about every torrent whose checksums are right; an error
	// makes it count as damaged. Nil means that checksums are enough.
	Check func(store.Torrent) error
	// GiveUp marks what cannot be read as if it were damaged, so that Has says no: for
	// a disk that will never read it again. A later Verify that can read it takes the
	// mark away. Files that are missing are not looked for any more.
	GiveUp bool
	// Progress is told about once a second, and at the end, from the goroutine
	// that called Verify. Nil means nobody is.
	Progress func(VerifyProgress)
}

// VerifyProgress is how far a [Store.Verify] has come.
type VerifyProgress struct {
	Checked int64         // torrents
	Total   int64         // torrents, as far as known at the start
	Bytes   int64         // read
	Damaged []infohash.ID // found since the last progress, by their primary ids
	// Unreadable are those whose bytes could not be read, which proves nothing about
	// them, found since the last progress, by their primary ids.
	Unreadable []infohash.ID
	Cleared    int64 // marks of damage that were wrong and are gone, in all
}

// VerifyReport is what a [Store.Verify] found.
type VerifyReport struct {
	Checked int64         // torrents
	Bytes   int64         // read
	Damaged []infohash.ID // all that Get refuses as damaged, by their primary ids
	// Unreadable are those whose bytes could not be read, by their primary ids.
	Unreadable []infohash.ID
	Cleared    int64 // marks of damage that were wrong and are gone
}

// Verify reads every torrent that is not removed and marks those that are damaged, so that Has says
// no and the next upload heals them. From those that are marked and are not damaged it
// takes the mark. It is meant for a store in use, and reads
// segment by segment. What is put meanwhile may be left out. What cannot be read is
// reported, and ends nothing. If it ends early
// its error says why, and the report tells what it found until then.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	if err := s.enter(ctx); err != nil {
		return VerifyReport{}, err
	}
	defer s.leave()
	ctx, stop := s.untilClosing(ctx)
	defer stop()
	v := &verification{
		store: s, options: o, pace: newPace(o.BytesPerSecond), total: s.committer.stats().torrents, told: time.Now(),
		moves: moves{checked: map[location]bool{}},
	}
	err := v.run(ctx)
	v.tell()
	return v.report, err
}

// verification is one run of Verify.
type verification struct {
	store   *Store
	options VerifyOptions
	pace    *pace
	total   int64
	report  VerifyReport

	moves moves

	told                        time.Time // when Progress was
	toldDamaged, toldUnreadable int       // how many of the report's Progress knows
}

// run goes through all segments there are. What compaction moves meanwhile it meets
// further on.
func (v *verification) run(ctx context.Context) error {
	v.store.committer.moves.Store(&v.moves)
	defer v.store.committer.moves.Store(nil)
	var from location
	for isDone := false; !isDone; isDone = v.moves.endBefore(from) {
		now := v.store.committer.stats()
		end := location{segment: now.segment, offset: now.offset}
		for _, id := range v.store.segments.ids() {
			if id < from.segment || id > end.segment {
				continue
			}
			if err := v.segment(ctx, id, from, end); err != nil && !errors.Is(err, errSegmentGone) {
				return err
			}
		}
		from = end
	}
	return v.filesGone(ctx)
}

// filesGone checks the torrents of files that are missing, which the index alone knows.
func (v *verification) filesGone(ctx context.Context) error {
	gone := *v.store.missing.Load()
	if files := gone.files(); len(files) > 0 {
		if err := v.pointingTo(ctx, files.has); err != nil {
			return err
		}
	}
	if len(gone) == 0 || !v.options.GiveUp {
		return nil
	}
	return v.store.giveUpMissing(ctx)
}

// segment goes through what one segment has of the log between two places.
func (v *verification) segment(ctx context.Context, id uint64, from, to location) error {
	seg := v.store.segments.get(id)
	if seg == nil {
		return errSegmentGone
	}
	begin, end := int64(format.SegmentStart), to.offset
	if id == from.segment {
		begin = from.offset
	}
	if id != to.segment {
		end = v.store.segments.end(seg)
	}
	left, err := v.store.walkFrom(ctx, seg, begin, end, func(file vfs.File, h *format.Header, at int64) error {
		switch {
		case h.IsPut():
			return v.put(ctx, h, location{segment: id, offset: at})
		case h.Kind == store.ChangeRemoved:
			return v.removal(seg, file, h, at)
		}
		return nil
	})
	if err != nil || len(left) == 0 {
		if id != to.segment {
			v.moves.passed(id)
		}
		return err
	}
	v.store.options.Logger.Error("a segment has records that are damaged or cannot be read", slog.Uint64("segment", id))
	v.store.saveWords(ctx, left.in(id))
	return v.pointingTo(ctx, left.in(id)) // those with damaged headers only the index still knows
}

// put checks the torrent of the put at a place, unless it stands elsewhere by now.
func (v *verification) put(ctx context.Context, h *format.Header, at location) error {
	if v.moves.visit(at) {
		return nil
	}
	e, needed, err := isNeeded(v.store.index.get, h, at)
	if err != nil || !needed {
		return err
	}
	return v.torrent(ctx, e)
}

// pointingTo checks the torrents in a part of the log of which the index alone knows.
func (v *verification) pointingTo(ctx context.Context, in region) error {
	entries, err := v.store.index.pointingTo(in)
	for _, e := range entries {
		if err == nil {
			err = v.torrent(ctx, e)
		}
	}
	return err
}

// torrent checks the torrent of one entry.
func (v *verification) torrent(ctx context.Context, e *entry) error {
	id := e.ids.Primary()
	if e.removed {
		return v.removed(ctx, e)
	}
	h, body, err := v.store.readAt(e.at, id, nil)
	if err == nil && v.options.Check != nil {
		if checkErr := v.options.Check(h.Torrent(body)); checkErr != nil {
			err = fmt.Errorf("%w: %w", format.ErrBadRecord, checkErr)
		}
	}
	switch {
	case errors.Is(err, errSegmentGone) && !v.store.missing.Load().has(e.at):
		return err
	case errors.Is(err, format.ErrBadRecord):
		v.store.foundDamage(ctx, e, id)
		v.report.Damaged = append(v.report.Damaged, id)
	case errors.Is(err, errUnreadable):
		v.unreadable(ctx, e)
	case err != nil:
		return err
	case e.damaged:
		if err := v.clear(ctx, e); err != nil {
			return err
		}
	}
	v.report.Checked++
	v.report.Bytes += int64(e.at.length)
	if time.Since(v.told) >= time.Second {
		v.tell()
	}
	return v.pace.spend(ctx, int64(e.at.length))
}

// removed gives up the bytes of a removed torrent that cannot be read, if it is told to: they
// would keep their segment from being compacted.
func (v *verification) removed(ctx context.Context, e *entry) error {
	if !v.options.GiveUp || e.damaged {
		return nil
	}
	if _, _, err := v.store.readAt(e.at, e.ids.Primary(), nil); errors.Is(err, errUnreadable) {
		v.store.mark(ctx, e, e.ids.Primary())
	}
	return ctx.Err()
}

// unreadable notes that the bytes of e cannot be read, and gives them up if it is told to.
func (v *verification) unreadable(ctx context.Context, e *entry) {
	if v.options.GiveUp {
		v.store.giveUp(ctx, e, e.ids.Primary())
	}
	v.report.Unreadable = append(v.report.Unreadable, e.ids.Primary())
}

// clear takes the mark of damage from e, whose bytes are right. It stays where nothing
// can be written.
func (v *verification) clear(ctx context.Context, e *entry) error {
	was := false
	err := v.store.do(ctx, 0, func(g *group) (store.Outcome, error) {
		var err error
		was, err = g.mend(e.ids.Primary(), e.at)
		return 0, err
	})
	if err == nil && was {
		v.report.Cleared++
		v.store.options.Logger.Info("a torrent that was marked as damaged is not: the mark is gone", slog.String("info_hash", e.ids.Primary().String()))
	}
	return ctx.Err()
}

// removal checks the words of a removal. The index keeps them too, so that their
// damage is logged only.
func (v *verification) removal(seg *segment, file vfs.File, h *format.Header, at int64) error {
	if !seg.hold() {
		return errSegmentGone
	}
	defer seg.letGo()
	if _, err := readBody(file, h, at); err != nil {
		v.store.options.Logger.Error("the reason of a removal is damaged or cannot be read",
			slog.Uint64("segment", seg.id), slog.Int64("offset", at), slog.Any("cause", err))
	}
	return nil
}

func (v *verification) tell() {
	v.told = time.Now()
	if v.options.Progress == nil {
		return
	}
	v.options.Progress(VerifyProgress{
		Checked: v.report.Checked, Total: v.total, Bytes: v.report.Bytes, Cleared: v.report.Cleared,
		Damaged:    fresh(v.report.Damaged, &v.toldDamaged),
		Unreadable: fresh(v.report.Unreadable, &v.toldUnreadable),
	})
}

// fresh returns what all has beyond the first told, which then are all.
func fresh(all []infohash.ID, told *int) []infohash.ID {
	from := *told
	*told = len(all)
	return all[from:len(all):len(all)]
}
