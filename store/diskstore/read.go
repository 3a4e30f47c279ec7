package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// Get implements [store.Store] with one look-up, one read and two checksums.
func (s *Store) Get(ctx context.Context, id infohash.ID, alloc store.Alloc) (store.Torrent, error) {
	if err := s.enter(ctx); err != nil {
		return store.Torrent{}, err
	}
	defer s.leave()
	h, body, at, err := s.find(ctx, id, alloc)
	if err != nil {
		return store.Torrent{}, err
	}
	if s.options.Bounded > 0 && !store.IsCopying(ctx) {
		s.noteRead(at)
	}
	return h.Torrent(body), nil
}

// find returns the record of id, read into memory of alloc, and its place. If the segment was
// retired since the look-up, find looks up again, since the record has moved.
func (s *Store) find(ctx context.Context, id infohash.ID, alloc store.Alloc) (h format.Header, body []byte, at format.Place, err error) {
	if at, known := s.index.Place(id); known {
		h, body, err = s.readAt(at, id, alloc)
		if !errors.Is(err, format.ErrBadRecord) && !errors.Is(err, files.ErrUnreadable) {
			return h, body, at, err // the record, or the error of alloc
		} // else the record moved meanwhile or is damaged: ask the index
	}
	for before := (format.Place{}); ; {
		e, err := s.index.Get(id)
		if err == nil {
			err = whyUnread(e)
		}
		if err != nil {
			return format.Header{}, nil, format.Place{}, err
		}
		h, body, err := s.readAt(e.At, id, alloc)
		switch {
		case errors.Is(err, format.ErrBadRecord) && e.At != before: // it may have been moved or erased meanwhile
			before = e.At
		case errors.Is(err, format.ErrBadRecord):
			s.foundDamage(ctx, e, id)
			return format.Header{}, nil, format.Place{}, fmt.Errorf("%w: %w", store.ErrDamaged, err)
		default:
			return h, body, e.At, err
		}
	}
}

// whyUnread returns the error with which Get refuses e without reading; nil if it reads.
func whyUnread(e *index.Entry) error {
	switch {
	case e == nil:
		return store.ErrNotFound
	case e.Removed:
		return &store.RemovedError{Removal: e.Removal}
	case e.Damaged:
		return store.ErrDamaged
	}
	return nil
}

// readAt returns the record at a place, read into memory of alloc. The error is format.ErrBadRecord
// if the place has anything but an intact record of id; log.ErrGone is such an error. A failed read
// is both files.ErrUnreadable and store.ErrUnavailable. Any other error is that of alloc.
func (s *Store) readAt(at format.Place, id infohash.ID, alloc store.Alloc) (format.Header, []byte, error) {
	b, err := memory(format.HeaderSize+int(at.Length), alloc)
	if err != nil {
		return format.Header{}, nil, err
	}
	// Hold the segment only after alloc returned: an alloc that waits must not keep a segment from
	// being retired.
	segment := s.segments.Get(at.Segment)
	if segment == nil || !segment.Hold() {
		return format.Header{}, nil, log.ErrGone
	}
	defer segment.LetGo()
	if err := files.ReadFull(segment.File, b, at.Offset); err != nil {
		return format.Header{}, nil, readError(segment.ID, err)
	}
	h, err := format.ParseHeader(b)
	if err != nil {
		return format.Header{}, nil, err
	}
	body := b[format.HeaderSize:]
	same := h.IsPut() && !h.Lost && h.Length == at.Length && h.Segment == at.Segment && h.Store == s.id && h.IDs.Contains(id)
	if !same || format.Checksum(body) != h.BodySum {
		return format.Header{}, nil, format.ErrBadRecord
	}
	return h, body, nil
}

// memory returns n bytes of any content, from alloc if it is not nil.
func memory(n int, alloc store.Alloc) ([]byte, error) {
	if alloc == nil {
		return make([]byte, n), nil
	}
	b, err := alloc(n)
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

// readError names the segment of a failed read, in an error for callers of the store.
func readError(segment uint64, err error) error {
	if errors.Is(err, files.ErrUnreadable) {
		return fmt.Errorf("%w: segment %d: %w", store.ErrUnavailable, segment, err)
	}
	return err
}

// foundDamage marks damage, so that Has says no and the next upload heals it, and reports it
// once.
func (s *Store) foundDamage(ctx context.Context, e *index.Entry, id infohash.ID) {
	if s.mark(ctx, e, id) {
		s.logMark("damage: a stored torrent fails its checksum; an upload of it heals it", e)
	}
}

// giveUp marks unreadable bytes as damaged.
func (s *Store) giveUp(ctx context.Context, e *index.Entry, id infohash.ID) {
	if s.mark(ctx, e, id) {
		s.logMark("a stored torrent cannot be read and was given up; the next upload of it stores it again", e)
	}
}

// mark marks the bytes of e as damaged. It reports whether they were unmarked, or true if it
// cannot tell.
func (s *Store) mark(ctx context.Context, e *index.Entry, id infohash.ID) bool {
	if s.options.ReadOnly {
		return true
	}
	news := false
	// The mark must be made even if the caller leaves.
	err := s.committer.Do(context.WithoutCancel(ctx), 0, func(g *commit.Group) (err error) {
		news, err = g.Damage(id, e.At)
		return err
	})
	return err != nil || news
}

func (s *Store) logMark(text string, e *index.Entry) {
	s.options.Logger.Error(text, slog.String("info_hash", e.IDs.Primary().String()),
		slog.Uint64("segment", e.At.Segment), slog.Int64("offset", e.At.Offset))
	s.options.OnDamage(e.IDs)
}

// Has implements [store.Store].
func (s *Store) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.index.HasAll(ids)
}

// Value implements [store.Store].
func (s *Store) Value(ctx context.Context, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := store.CheckValue(name, nil); err != nil {
		return nil, err
	}
	v, err := s.index.Value(name)
	return v.Data, err
}

// Changes implements [store.Store]. The sequence of a cursor is the sequence of a record.
// Sequences rise but have gaps.
func (s *Store) Changes(ctx context.Context, after store.Cursor, limit int) ([]store.Change, store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return nil, after, err
	}
	defer s.leave()
	from := uint64(0)
	if after.Epoch == s.epoch {
		from = after.Sequence
	}
	changes, last, err := s.index.Changes(from, limit)
	if err != nil || len(changes) == 0 {
		return nil, after, err
	}
	return changes, store.Cursor{Epoch: s.epoch, Sequence: last}, nil
}

// End implements [store.Store]. Later changes get higher sequences than any so far.
func (s *Store) End(ctx context.Context) (store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return store.Cursor{}, err
	}
	defer s.leave()
	return store.Cursor{Epoch: s.epoch, Sequence: s.committer.Stats().Sequence}, nil
}
