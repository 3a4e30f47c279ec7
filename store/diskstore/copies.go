package diskstore

import (
	"context"
	"errors"
	"hash/crc32"
	"log/slog"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// copyBatch bounds, in bytes of records, what compaction asks the committer for
// at once: little beside a group, so that puts hardly wait for it.
const copyBatch = 1 << 20

// copies gathers records that compaction moves.
type copies struct {
	*compaction
	records []relic
	size    int64
}

// relic is a record of a segment that is to go.
type relic struct {
	header header
	body   []byte
	at     location
}

// add takes up the record at a place, in file, if it is needed.
func (b *copies) add(ctx context.Context, file vfs.File, h *header, at location) error {
	e, needed, err := isNeeded(b.store.index.get, h, at)
	if err != nil || !needed {
		return err
	}
	if h.mended {
		b.store.options.Logger.Warn("a flipped bit in the header of a record was mended",
			slog.String("info_hash", h.ids.Primary().String()), slog.Uint64("segment", at.segment), slog.Int64("offset", at.offset))
	}
	r := relic{header: *h, at: at}
	switch body, err := readBody(file, h, at.offset); {
	case err == nil:
		r.body = body
	case !errors.Is(readError(at.segment, err), errBadRecord):
		return readError(at.segment, err)
	case h.isPut():
		b.store.foundDamage(ctx, e, e.ids.Primary())
	case e != nil: // the index knows the words of a removal too
		r.body = appendRemoval(nil, e.removal)
		r.header.bodySum = crc32.Checksum(r.body, castagnoli)
	}
	return b.take(ctx, r)
}

// addUnreadable takes up the torrents of seg whose headers are damaged, so that
// they are not forgotten: what is kept is that they are lost.
func (b *copies) addUnreadable(ctx context.Context, seg *segment) error {
	if err := b.flush(ctx); err != nil {
		return err
	}
	entries, err := b.store.index.pointingTo(seg.id)
	if err != nil {
		return err
	}
	for _, e := range entries {
		b.store.foundDamage(ctx, e, e.ids.Primary())
		r := relic{at: e.at, header: header{
			kind: store.ChangeAdded, names: e.names, rank: e.rank, sequence: e.put,
			ids: e.ids, version: e.version,
		}}
		if err := b.take(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (b *copies) take(ctx context.Context, r relic) error {
	size := recordSize(len(r.body))
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
	err := b.store.do(ctx, size, false, func(g *group) (store.Outcome, error) {
		for i := range records {
			if err := g.copy(&records[i], now); err != nil {
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

// isNeeded reports whether the record h at a place still says what holds, and
// the entry it says that of. A removal is needed as long as nothing came after
// it, and so is a restoration, for those who follow the feed.
func isNeeded(get func(infohash.ID) (*entry, error), h *header, at location) (*entry, bool, error) {
	for _, id := range h.names.ids(h.ids) {
		e, err := get(id)
		if err != nil {
			return nil, false, err
		}
		needed := false
		switch h.kind {
		case store.ChangeRemoved:
			needed = e != nil && e.removed && e.sequence == h.sequence
		case store.ChangeRestored:
			needed = e == nil || e.sequence <= h.sequence
		default:
			needed = e != nil && e.at.segment == at.segment && e.at.offset == at.offset
		}
		if needed {
			return e, true, nil
		}
	}
	return nil, false, nil
}

// copy moves r to the end of the log, with its sequence and time, if it is still
// needed. Bytes that were removed and are due are dropped instead, bytes that
// are damaged become a note that they are lost.
func (g *group) copy(r *relic, now int64) error {
	e, needed, err := isNeeded(g.get, &r.header, r.at)
	if err != nil || !needed {
		return err
	}
	isPut := r.header.isPut()
	if isPut && e.removed && e.until <= now {
		return g.drop(e)
	}
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	h := r.header
	if isPut && (e.damaged || len(r.body) == 0) {
		h.lost, h.infoOffset, h.infoLength, h.bodySum = true, 0, 0, 0
		r.body = nil
	}
	h.length = uint32(len(r.body))
	at := g.next(&h)
	if !isPut {
		g.account(at.segment).live += h.size()
	} else if err := g.move(e, at, h.lost); err != nil {
		return err
	}
	g.add(&h, r.body)
	return nil
}

// drop makes e forget its bytes.
func (g *group) drop(e *entry) error {
	next := *e
	next.at, next.damaged = location{}, false
	return g.change(e, &next)
}

// move makes e find its bytes at another place. Until the segment it leaves is
// gone they stand in both.
func (g *group) move(e *entry, at location, lost bool) error {
	next := *e
	next.at = at
	next.damaged = e.damaged || lost
	next.former = slices.DeleteFunc(slices.Clone(e.former), func(segment uint64) bool {
		return g.committer.segments.get(segment) == nil
	})
	next.leaves(e.at.segment)
	return g.change(e, &next)
}
