package diskstore

import (
	"context"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// walk calls visit for every record of seg before the offset end, which is synced,
// in the order of their places, with a file to read its body from, and reports whether there are gaps that damage left. It ends
// with errSegmentGone when seg is retired meanwhile.
func (s *Store) walk(ctx context.Context, seg *segment, end int64, visit func(file vfs.File, h *header, at int64) error) (gaps bool, err error) {
	file := &window{File: seg.file}
	scan := &scanner{segment: seg, file: file, store: s.id, limit: end}
	for from := int64(segmentStart); from < end; {
		h, at, skipped, err := scan.nextHeld(ctx, from)
		if err != nil {
			return gaps, err
		}
		gaps = gaps || skipped.from < skipped.to
		if h == nil {
			break
		}
		if err := visit(file, h, at); err != nil {
			return gaps, err
		}
		from = at + h.size()
	}
	return gaps, nil
}

// nextHeld is next for a segment that may be retired.
func (s *scanner) nextHeld(ctx context.Context, offset int64) (*header, int64, gap, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, gap{}, err
	}
	if !s.segment.hold() {
		return nil, 0, gap{}, errSegmentGone
	}
	defer s.segment.letGo()
	h, at, skipped, err := s.next(offset)
	if err != nil {
		err = readError(s.segment.id, err)
	}
	return h, at, skipped, err
}
