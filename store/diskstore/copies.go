package diskstore

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// copyBatch is how many bytes of records compaction gives the committer at a time. It is small
// beside a group, so that puts hardly wait for it.
const copyBatch = 1 << 20

// copies gathers the records that compaction moves.
type copies struct {
	*compaction
	records []commit.Survivor
	size    int64
}

// add gathers the record at a place in file if it is needed. If it cannot be read, nothing is
// given up: the error keeps the segment.
func (b *copies) add(ctx context.Context, file vfs.File, h *format.Header, at format.Place) error {
	switch {
	case h.IsPut():
		return b.addPut(ctx, file, h, at)
	case h.IsWord():
		return b.addWord(ctx, file, h, at)
	case h.Kind == format.KindVoid:
		return nil
	}
	body := make([]byte, h.Length)
	if err := files.ReadFull(file, body, at.Offset+format.HeaderSize); err != nil {
		return readError(at.Segment, err)
	}
	if h.Kind == format.KindValue && format.Checksum(body) != h.BodySum {
		return b.addKnown(ctx, index.Region(func(other format.Place) bool { return other.Segment == at.Segment && other.Offset == at.Offset }))
	}
	// The body of an unknown kind is copied as it is, damaged or not.
	return b.take(ctx, commit.Survivor{Header: *h, Body: body, At: at})
}

func (b *copies) addPut(ctx context.Context, file vfs.File, h *format.Header, at format.Place) error {
	e, needed, err := commit.IsNeeded(b.store.index.Get, h, at)
	if err != nil || !needed {
		return err
	}
	if e.Removed && e.Until <= b.now {
		return b.take(ctx, dueSurvivor(h, e, at))
	}
	b.tellMended(h, at)
	r := commit.Survivor{Header: *h, At: at}
	switch body, err := log.ReadBody(file, h, at.Offset); {
	case err == nil:
		r.Body = body
	case errors.Is(err, format.ErrBadRecord):
		b.store.foundDamage(ctx, e, e.IDs.Primary())
	case !e.Damaged: // if marked damaged, an operator has given it up
		return readError(at.Segment, err)
	}
	return b.take(ctx, r)
}

// dueSurvivor returns the survivor of a put whose removal, which e has, is due.
func dueSurvivor(h *format.Header, e *index.Entry, at format.Place) commit.Survivor {
	return commit.Survivor{Header: *h, Body: format.AppendRemoval(nil, e.Removal), At: at, Due: true}
}

func (b *copies) addWord(ctx context.Context, file vfs.File, h *format.Header, at format.Place) error {
	e, needed, err := commit.IsNeeded(b.store.index.Get, h, at)
	if err != nil {
		return err
	}
	r := commit.Survivor{Header: *h, At: at}
	if h.Kind == store.ChangeDropped {
		if r.Obsolete, err = b.store.isObsolete(h, b.now); err != nil {
			return err
		}
		r.Obsolete = r.Obsolete || !needed
	}
	if !needed && !r.Obsolete {
		return nil
	}
	b.tellMended(h, at)
	switch r.Body, err = log.ReadBody(file, h, at.Offset); {
	case errors.Is(err, format.ErrBadRecord) && e != nil: // the index has the words of a removal, too
		r.SetBody(format.AppendRemoval(nil, e.Removal))
	case err != nil:
		return readError(at.Segment, err)
	}
	return b.take(ctx, r)
}

func (b *copies) tellMended(h *format.Header, at format.Place) {
	if h.Mended {
		b.store.options.Logger.Warn("a flipped bit in the header of a record was corrected",
			slog.String("info_hash", h.IDs.Primary().String()), slog.Uint64("segment", at.Segment), slog.Int64("offset", at.Offset))
	}
}

// addGaps gathers the index's knowledge of the gaps of a segment: words and values in full, and for
// each torrent only that it is lost. If reads failed in a gap, the segment stays, unless its
// torrents or all gaps are given up.
func (b *copies) addGaps(ctx context.Context, segment uint64, left log.Gaps, giveUp bool) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	unread := slices.DeleteFunc(slices.Clone(left), func(g log.Gap) bool { return !g.Unread || giveUp }).In(segment)
	if err := b.addLost(ctx, left.In(segment), unread); err != nil {
		return err
	}
	return b.addKnown(ctx, left.In(segment))
}

// addLost records that the torrents in a part of the log are lost. A torrent in unread that
// nobody has given up is an error.
func (b *copies) addLost(ctx context.Context, in, unread index.Region) error {
	entries, err := b.store.index.PointingTo(in)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if due := e.Removed && e.Until <= b.now; !due && !e.Damaged {
			if unread(e.At) {
				return commit.ErrComeAgain
			}
			b.store.foundDamage(ctx, e, e.IDs.Primary())
		}
		if err := b.take(ctx, b.lostSurvivor(e)); err != nil {
			return err
		}
	}
	return nil
}

// lostSurvivor returns the survivor of a put that only the index knows.
func (b *copies) lostSurvivor(e *index.Entry) commit.Survivor {
	h := format.Header{Kind: store.ChangeAdded, Names: e.Names, Rank: e.Rank, Sequence: e.Put, IDs: e.IDs, Version: e.Version}
	if e.Removed && e.Until <= b.now {
		return dueSurvivor(&h, e, e.At)
	}
	return commit.Survivor{Header: h, At: e.At}
}

// addKnown gathers the words and values of a part of the log from the index.
func (b *copies) addKnown(ctx context.Context, in index.Region) error {
	survivors, err := commit.SurvivorsIn(b.store.index, in)
	if err != nil {
		return err
	}
	for _, r := range survivors {
		if err := b.take(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (b *copies) take(ctx context.Context, r commit.Survivor) error {
	size := format.RecordSize(len(r.Body))
	if b.size+size > copyBatch {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	b.records = append(b.records, r)
	b.size += size
	return nil
}

// flush makes the committer copy the gathered records.
func (b *copies) flush(ctx context.Context) error {
	if len(b.records) == 0 {
		return nil
	}
	records, size, now := b.records, b.size, b.now
	b.records, b.size = nil, 0
	err := b.store.committer.Do(ctx, size, func(g *commit.Group) error {
		for i := range records {
			if err := g.Copy(&records[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.pace.Spend(ctx, 2*size) // read and written
}
