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

// copyBatch bounds, in bytes of records, what compaction asks the committer for
// at once: little beside a group, so that puts hardly wait for it.
const copyBatch = 1 << 20

// copies gathers records that compaction moves.
type copies struct {
	*compaction
	records []commit.Relic
	size    int64
}

// add takes up the record at a place, in file, if it is needed. What cannot be read is
// no reason to give anything up: the segment then stays.
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
	// Of a kind that this program does not know the body stays as it is, damaged or not.
	return b.take(ctx, commit.Relic{Header: *h, Body: body, At: at})
}

func (b *copies) addPut(ctx context.Context, file vfs.File, h *format.Header, at format.Place) error {
	e, needed, err := commit.IsNeeded(b.store.index.Get, h, at)
	if err != nil || !needed {
		return err
	}
	if e.Removed && e.Until <= b.now {
		return b.take(ctx, dueRelic(h, e, at))
	}
	b.tellMended(h, at)
	r := commit.Relic{Header: *h, At: at}
	switch body, err := log.ReadBody(file, h, at.Offset); {
	case err == nil:
		r.Body = body
	case errors.Is(err, format.ErrBadRecord):
		b.store.foundDamage(ctx, e, e.IDs.Primary())
	case !e.Damaged: // an operator has given up what is
		return readError(at.Segment, err)
	}
	return b.take(ctx, r)
}

// dueRelic returns the relic of a put that was removed, as e says, and is due.
func dueRelic(h *format.Header, e *index.Entry, at format.Place) commit.Relic {
	return commit.Relic{Header: *h, Body: format.AppendRemoval(nil, e.Removal), At: at, Due: true}
}

func (b *copies) addWord(ctx context.Context, file vfs.File, h *format.Header, at format.Place) error {
	e, needed, err := commit.IsNeeded(b.store.index.Get, h, at)
	if err != nil {
		return err
	}
	r := commit.Relic{Header: *h, At: at}
	if h.Kind == store.ChangeDropped {
		if r.Faded, err = b.store.hasFaded(h, b.now); err != nil {
			return err
		}
		r.Faded = r.Faded || !needed
	}
	if !needed && !r.Faded {
		return nil
	}
	b.tellMended(h, at)
	switch r.Body, err = log.ReadBody(file, h, at.Offset); {
	case errors.Is(err, format.ErrBadRecord) && e != nil: // the index knows the words of a removal too
		r.SetBody(format.AppendRemoval(nil, e.Removal))
	case err != nil:
		return readError(at.Segment, err)
	}
	return b.take(ctx, r)
}

func (b *copies) tellMended(h *format.Header, at format.Place) {
	if h.Mended {
		b.store.options.Logger.Warn("a flipped bit in the header of a record was mended",
			slog.String("info_hash", h.IDs.Primary().String()), slog.Uint64("segment", at.Segment), slog.Int64("offset", at.Offset))
	}
}

// addGaps takes up what stood in the gaps of a segment, as far as the index knows it:
// words and values whole, of torrents that they are lost. If reads failed there and a
// torrent is not given up, nor all of it, the segment stays.
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

// addLost takes up of the torrents in a part of the log that they are lost. One in the
// part unread, that nobody has given up, is an error.
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
		if err := b.take(ctx, b.lostRelic(e)); err != nil {
			return err
		}
	}
	return nil
}

// lostRelic returns the relic of a put of which the index alone is left.
func (b *copies) lostRelic(e *index.Entry) commit.Relic {
	h := format.Header{Kind: store.ChangeAdded, Names: e.Names, Rank: e.Rank, Sequence: e.Put, IDs: e.IDs, Version: e.Version}
	if e.Removed && e.Until <= b.now {
		return dueRelic(&h, e, e.At)
	}
	return commit.Relic{Header: h, At: e.At}
}

// addKnown takes up the words and values of a part of the log as the index has them.
func (b *copies) addKnown(ctx context.Context, in index.Region) error {
	relics, err := commit.RelicsIn(b.store.index, in)
	if err != nil {
		return err
	}
	for _, r := range relics {
		if err := b.take(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (b *copies) take(ctx context.Context, r commit.Relic) error {
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

// flush has the committer copy what was gathered.
func (b *copies) flush(ctx context.Context) error {
	if len(b.records) == 0 {
		return nil
	}
	records, size, now := b.records, b.size, b.now
	b.records, b.size = nil, 0
	err := b.store.committer.Do(ctx, size, func(g *commit.Group) (store.Outcome, error) {
		for i := range records {
			if err := g.Copy(&records[i], now); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
	if err != nil {
		return err
	}
	return b.pace.spend(ctx, 2*size) // read and written
}
