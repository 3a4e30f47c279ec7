package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/wait"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// verification is one run of Verify.
type verification struct {
	store   *Store
	options VerifyOptions
	pace    *wait.Pace
	total   int64
	report  VerifyReport

	moves *commit.Moves

	told                        time.Time // when Progress was last called
	toldDamaged, toldUnreadable int       // how many entries of the report Progress has received
}

// run goes through all segments. It meets records that compaction moves meanwhile further on.
func (v *verification) run(ctx context.Context) error {
	v.store.committer.Watch(v.moves)
	defer v.store.committer.Watch(nil)
	var from format.Place
	for isDone := false; !isDone; isDone = v.moves.EndBefore(from) {
		now := v.store.committer.Stats()
		end := format.Place{Segment: now.Segment, Offset: now.Offset}
		for _, id := range v.store.segments.IDs() {
			if id < from.Segment || id > end.Segment {
				continue
			}
			if err := v.segment(ctx, id, from, end); err != nil && !errors.Is(err, log.ErrGone) {
				return err
			}
		}
		from = end
	}
	return v.filesGone(ctx)
}

// filesGone checks the torrents of missing files, which only the index knows.
func (v *verification) filesGone(ctx context.Context) error {
	gone := *v.store.missing.Load()
	if whole := gone.files(); len(whole) > 0 {
		if err := v.pointingTo(ctx, whole.has); err != nil {
			return err
		}
	}
	if len(gone) == 0 || !v.options.GiveUp {
		return nil
	}
	return v.store.giveUpMissing(ctx)
}

// segment goes through the records of one segment between two places of the log.
func (v *verification) segment(ctx context.Context, id uint64, from, to format.Place) error {
	seg := v.store.segments.Get(id)
	if seg == nil {
		return log.ErrGone
	}
	begin, end := int64(format.SegmentStart), to.Offset
	if id == from.Segment {
		begin = from.Offset
	}
	if id != to.Segment {
		end = v.store.segments.End(seg)
	}
	left, err := seg.Walk(ctx, v.store.id, begin, end, func(file vfs.File, h *format.Header, at int64) error {
		switch {
		case h.IsPut():
			return v.put(ctx, h, format.Place{Segment: id, Offset: at})
		case h.Kind == store.ChangeRemoved:
			return v.removal(seg, file, h, at)
		}
		return nil
	})
	if err != nil || len(left) == 0 {
		if id != to.Segment {
			v.moves.Passed(id)
		}
		return err
	}
	v.store.options.Logger.Error("a segment has records that are damaged or cannot be read", slog.Uint64("segment", id))
	v.store.saveWords(ctx, left.In(id))
	return v.pointingTo(ctx, left.In(id)) // only the index knows the records with damaged headers
}

// put checks the torrent of the put at a place, unless it has moved.
func (v *verification) put(ctx context.Context, h *format.Header, at format.Place) error {
	if v.moves.Visit(at) {
		return nil
	}
	e, needed, err := commit.IsNeeded(v.store.index.Get, h, at)
	if err != nil || !needed {
		return err
	}
	return v.torrent(ctx, e)
}

// pointingTo checks the torrents in a part of the log that only the index knows.
func (v *verification) pointingTo(ctx context.Context, in index.Region) error {
	entries, err := v.store.index.PointingTo(in)
	for _, e := range entries {
		if err == nil {
			err = v.torrent(ctx, e)
		}
	}
	return err
}

// torrent checks the torrent of one entry.
func (v *verification) torrent(ctx context.Context, e *index.Entry) error {
	id := e.IDs.Primary()
	if e.Removed {
		return v.removed(ctx, e)
	}
	h, body, err := v.store.readAt(e.At, id, nil)
	if err == nil && v.options.Check != nil {
		if checkErr := v.options.Check(h.Torrent(body)); checkErr != nil {
			err = fmt.Errorf("%w: %w", format.ErrBadRecord, checkErr)
		}
	}
	switch {
	case errors.Is(err, log.ErrGone) && !v.store.missing.Load().has(e.At):
		return err
	case errors.Is(err, format.ErrBadRecord):
		v.store.foundDamage(ctx, e, id)
		v.report.Damaged = append(v.report.Damaged, id)
	case errors.Is(err, files.ErrUnreadable):
		v.unreadable(ctx, e)
	case err != nil:
		return err
	case e.Damaged:
		if err := v.clear(ctx, e); err != nil {
			return err
		}
	}
	v.report.Checked++
	v.report.Bytes += int64(e.At.Length)
	if time.Since(v.told) >= time.Second {
		v.tell()
	}
	return v.pace.Spend(ctx, int64(e.At.Length))
}

// removed gives up the unreadable bytes of a removed torrent if GiveUp is set, because they
// would keep their segment from being compacted.
func (v *verification) removed(ctx context.Context, e *index.Entry) error {
	if !v.options.GiveUp || e.Damaged {
		return nil
	}
	if _, _, err := v.store.readAt(e.At, e.IDs.Primary(), nil); errors.Is(err, files.ErrUnreadable) {
		v.store.mark(ctx, e, e.IDs.Primary())
	}
	return ctx.Err()
}

// unreadable records that the bytes of e cannot be read, and gives them up if GiveUp is set.
func (v *verification) unreadable(ctx context.Context, e *index.Entry) {
	if v.options.GiveUp {
		v.store.giveUp(ctx, e, e.IDs.Primary())
	}
	v.report.Unreadable = append(v.report.Unreadable, e.IDs.Primary())
}

// clear removes the mark of damage from e, whose bytes are intact. The mark stays if nothing can
// be written.
func (v *verification) clear(ctx context.Context, e *index.Entry) error {
	was := false
	err := v.store.committer.Do(ctx, 0, func(g *commit.Group) (err error) {
		was, err = g.Mend(e.IDs.Primary(), e.At)
		return err
	})
	if err == nil && was {
		v.report.Cleared++
		v.store.options.Logger.Info("a torrent marked as damaged is intact; the mark was removed", slog.String("info_hash", e.IDs.Primary().String()))
	}
	return ctx.Err()
}

// removal checks the words of a removal. The index has them, too, so damage is only logged.
func (v *verification) removal(seg *log.Segment, file vfs.File, h *format.Header, at int64) error {
	if !seg.Hold() {
		return log.ErrGone
	}
	defer seg.LetGo()
	if _, err := log.ReadBody(file, h, at); err != nil {
		v.store.options.Logger.Error("the reason of a removal is damaged or cannot be read",
			slog.Uint64("segment", seg.ID), slog.Int64("offset", at), slog.Any("cause", err))
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

// fresh returns the part of all beyond the first told, and sets told to the length of all.
func fresh(all []infohash.ID, told *int) []infohash.ID {
	from := *told
	*told = len(all)
	return all[from:len(all):len(all)]
}
