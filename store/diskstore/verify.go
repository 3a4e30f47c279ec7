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

	told                        time.Time // when Progress was
	toldDamaged, toldUnreadable int       // how many of the report's Progress knows
}

// run goes through all segments there are. Those that compaction takes away
// meanwhile live on in newer ones, which are then gone through too.
func (v *verification) run(ctx context.Context) error {
	last := uint64(0)
	for again := true; again; {
		again = false
		active := v.store.committer.stats()
		for _, id := range v.store.segments.ids() {
			if id <= last || id > active.segment {
				continue
			}
			err := v.segment(ctx, id, active)
			if errors.Is(err, errSegmentGone) {
				again = true
			} else if err != nil {
				return err
			}
		}
		last = active.segment - 1
	}
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

// segment goes through one segment.
func (v *verification) segment(ctx context.Context, id uint64, active state) error {
	seg := v.store.segments.get(id)
	if seg == nil {
		return errSegmentGone
	}
	end := active.offset
	if id != active.segment {
		end = v.store.segments.end(seg)
	}
	left, err := v.store.walk(ctx, seg, end, func(file vfs.File, h *header, at int64) error {
		switch {
		case h.isPut():
			e, needed, err := isNeeded(v.store.index.get, h, location{segment: id, offset: at})
			if err != nil || !needed {
				return err
			}
			return v.torrent(ctx, e)
		case h.kind == store.ChangeRemoved:
			return v.removal(seg, file, h, at)
		}
		return nil
	})
	if err != nil || len(left) == 0 {
		return err
	}
	v.store.options.Logger.Error("a segment has records that are damaged or cannot be read", slog.Uint64("segment", id))
	return v.pointingTo(ctx, left.in(id)) // those with damaged headers only the index still knows
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
	if e.removed {
		return nil
	}
	id := e.ids.Primary()
	h, body, err := v.store.readAt(e.at, id, nil)
	if err == nil && v.options.Check != nil {
		if checkErr := v.options.Check(h.torrent(body)); checkErr != nil {
			err = fmt.Errorf("%w: %w", errBadRecord, checkErr)
		}
	}
	switch {
	case errors.Is(err, errSegmentGone) && !v.store.missing.Load().has(e.at):
		return err
	case errors.Is(err, errBadRecord):
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
	err := v.store.do(ctx, 0, false, func(g *group) (store.Outcome, error) {
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
func (v *verification) removal(seg *segment, file vfs.File, h *header, at int64) error {
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
