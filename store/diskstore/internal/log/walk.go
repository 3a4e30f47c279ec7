package log

import (
	"context"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Gaps are parts of a segment without readable records, in ascending order.
type Gaps []Gap

// In returns the gaps as a region of the log.
func (g Gaps) In(segment uint64) func(at format.Place) bool {
	return func(at format.Place) bool {
		return at.Segment == segment && slices.ContainsFunc(g, func(one Gap) bool { return one.From <= at.Offset && at.Offset < one.To })
	}
}

// Walk calls visit for every record of s between two offsets, in ascending order, with a file to
// read the body from. The offset from must be that of a record, and the log before end must be
// synced. Walk returns the gaps left by damage or failed reads. It ends with ErrGone if s is
// retired meanwhile.
func (s *Segment) Walk(ctx context.Context, id format.StoreID, from, end int64, visit func(file vfs.File, h *format.Header, at int64) error) (left Gaps, err error) {
	file := &window{File: s.File}
	scan := &Scanner{segment: s, file: file, store: id, limit: end, passes: true}
	return scan.walk(ctx, from, func(h *format.Header, at int64) error { return visit(file, h, at) })
}

// GapsBefore returns the gaps of s before the offset end. It reads headers only.
func (s *Segment) GapsBefore(ctx context.Context, id format.StoreID, end int64) (Gaps, error) {
	return NewScanner(s, id, end, true).walk(ctx, format.SegmentStart, func(*format.Header, int64) error { return nil })
}

// walk calls visit for every record from an offset on, and returns the gaps between them.
func (s *Scanner) walk(ctx context.Context, from int64, visit func(h *format.Header, at int64) error) (left Gaps, err error) {
	for from < s.limit {
		h, at, skipped, err := s.nextHeld(ctx, from)
		if err != nil {
			return left, err
		}
		if skipped.From < skipped.To {
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

// nextHeld is Next for a segment that may be retired.
func (s *Scanner) nextHeld(ctx context.Context, offset int64) (*format.Header, int64, Gap, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, Gap{}, err
	}
	if !s.segment.Hold() {
		return nil, 0, Gap{}, ErrGone
	}
	defer s.segment.LetGo()
	return s.Next(offset)
}

// windowSize is the size of one read of a window, in bytes.
const windowSize = 256 << 10

// window buffers the reads of a sequential walk. Segments are opened for random reads, so
// without it each small record would cost a read of its own. The content of the file must not
// change meanwhile. It is not safe for concurrent use.
type window struct {
	vfs.File
	offset int64  // the offset of held
	held   []byte // bytes of the file
	room   []byte
}

// ReadAt implements vfs.File.
func (w *window) ReadAt(b []byte, offset int64) (int, error) {
	if w.holds(offset, len(b)) {
		return copy(b, w.held[offset-w.offset:]), nil
	}
	if len(b) >= windowSize {
		return w.File.ReadAt(b, offset)
	}
	if w.room == nil {
		w.room = make([]byte, windowSize)
	}
	n, _ := w.File.ReadAt(w.room, offset) // the read may cross the end or an unreadable part
	w.offset, w.held = offset, w.room[:max(n, 0)]
	if w.holds(offset, len(b)) {
		return copy(b, w.held), nil
	}
	return w.File.ReadAt(b, offset)
}

func (w *window) holds(offset int64, n int) bool {
	return w.offset <= offset && offset+int64(n) <= w.offset+int64(len(w.held))
}
