package diskstore

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// gaps are parts of a segment without readable records, in order.
type gaps []gap

// in returns them as a part of the log.
func (g gaps) in(segment uint64) region {
	return func(at location) bool {
		return at.segment == segment && slices.ContainsFunc(g, func(one gap) bool { return one.from <= at.offset && at.offset < one.to })
	}
}

// walk calls visit for every record of seg before the offset end, which is synced,
// in the order of their places, with a file to read its body from, and returns the
// gaps that damage left, or reads that failed. It ends with errSegmentGone when seg is
// retired meanwhile.
func (s *Store) walk(ctx context.Context, seg *segment, end int64, visit func(file vfs.File, h *format.Header, at int64) error) (left gaps, err error) {
	return s.walkFrom(ctx, seg, format.SegmentStart, end, visit)
}

// walkFrom is walk from an offset on, at which a record begins.
func (s *Store) walkFrom(ctx context.Context, seg *segment, from, end int64, visit func(file vfs.File, h *format.Header, at int64) error) (left gaps, err error) {
	file := &window{File: seg.file}
	scan := &scanner{segment: seg, file: file, store: s.id, limit: end, passes: true}
	return scan.walk(ctx, from, func(h *format.Header, at int64) error { return visit(file, h, at) })
}

// gapsOf returns the gaps of a segment before the offset end, by reading the headers alone.
func (s *Store) gapsOf(ctx context.Context, seg *segment, end int64) (gaps, error) {
	scan := &scanner{segment: seg, file: seg.file, store: s.id, limit: end, passes: true}
	return scan.walk(ctx, format.SegmentStart, func(*format.Header, int64) error { return nil })
}

// walk calls visit for every record from an offset on, and returns the gaps between them.
func (s *scanner) walk(ctx context.Context, from int64, visit func(h *format.Header, at int64) error) (left gaps, err error) {
	for from < s.limit {
		h, at, skipped, err := s.nextHeld(ctx, from)
		if err != nil {
			return left, err
		}
		if skipped.from < skipped.to {
			left = append(left, skipped)
		}
		if h == nil {
			break
		}
		if err := visit(h, at); err != nil {
			return left, err
		}
		from = at + h.Size()
	}
	return left, nil
}

// nextHeld is next for a segment that may be retired.
func (s *scanner) nextHeld(ctx context.Context, offset int64) (*format.Header, int64, gap, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, gap{}, err
	}
	if !s.segment.hold() {
		return nil, 0, gap{}, errSegmentGone
	}
	defer s.segment.letGo()
	return s.next(offset)
}
