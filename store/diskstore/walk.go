package diskstore

import "context"

// walk calls visit for every record of seg before the offset end, in the order
// of their places, and reports whether there are gaps that damage left. It ends
// with errSegmentGone when seg is retired meanwhile.
func (s *Store) walk(ctx context.Context, seg *segment, end int64, visit func(h *header, at int64) error) (gaps bool, err error) {
	scan := &scanner{segment: seg, store: s.id, limit: end}
	for from := int64(segmentStart); from < end; {
		h, at, skipped, err := scan.nextHeld(ctx, from)
		if err != nil {
			return gaps, err
		}
		gaps = gaps || skipped.from < skipped.to
		if h == nil {
			break
		}
		if err := visit(h, at); err != nil {
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
		err = readError(s.segment, err)
	}
	return h, at, skipped, err
}
