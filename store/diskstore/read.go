package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Get implements [store.Store]: one look-up, one read, both checksums.
func (s *Store) Get(ctx context.Context, id infohash.ID, room store.Room) (store.Torrent, error) {
	if err := s.enter(ctx); err != nil {
		return store.Torrent{}, err
	}
	defer s.leave()
	h, body, at, err := s.find(ctx, id, room)
	if err != nil {
		return store.Torrent{}, err
	}
	if s.options.Bounded > 0 && !store.IsCopying(ctx) {
		s.noteRead(at)
	}
	return h.Torrent(body), nil
}

// find returns the record that id leads to, read into room, and where it stands. A
// segment that was retired since the look-up is no damage: what was in it is found by
// looking up again.
func (s *Store) find(ctx context.Context, id infohash.ID, room store.Room) (h format.Header, body []byte, at location, err error) {
	if at, known := s.index.place(id); known {
		h, body, err = s.readAt(at, id, room)
		if !errors.Is(err, format.ErrBadRecord) && !errors.Is(err, errUnreadable) {
			return h, body, at, err // it is there, or there is no room for it
		} // else the index knows better: it went elsewhere meanwhile, or is damaged
	}
	for before := (location{}); ; {
		e, err := s.index.get(id)
		if err == nil {
			err = e.refusal()
		}
		if err != nil {
			return format.Header{}, nil, location{}, err
		}
		h, body, err := s.readAt(e.at, id, room)
		switch {
		case errors.Is(err, format.ErrBadRecord) && e.at != before: // it may have moved, or been erased, meanwhile
			before = e.at
		case errors.Is(err, format.ErrBadRecord):
			s.foundDamage(ctx, e, id)
			return format.Header{}, nil, location{}, fmt.Errorf("%w: %w", store.ErrDamaged, err)
		default:
			return h, body, e.at, err
		}
	}
}

// refusal returns why Get gives no bytes without reading any, nil if it does.
func (e *entry) refusal() error {
	switch {
	case e == nil:
		return store.ErrNotFound
	case e.removed:
		return &store.RemovedError{Removal: e.removal}
	case e.damaged:
		return store.ErrDamaged
	}
	return nil
}

// readAt returns the record at a place, read into room. Anything else there than an
// untouched one that has id is format.ErrBadRecord, and so is errSegmentGone. A read that failed
// is errUnreadable and store.ErrUnavailable. Any other error is that of room.
func (s *Store) readAt(at location, id infohash.ID, room store.Room) (format.Header, []byte, error) {
	b, err := memory(format.HeaderSize+int(at.length), room)
	if err != nil {
		return format.Header{}, nil, err
	}
	// Only now: a room that waits must not keep a segment from being retired.
	segment := s.segments.get(at.segment)
	if segment == nil || !segment.hold() {
		return format.Header{}, nil, errSegmentGone
	}
	defer segment.letGo()
	if err := readFull(segment.file, b, at.offset); err != nil {
		return format.Header{}, nil, readError(segment.id, err)
	}
	h, err := format.ParseHeader(b)
	if err != nil {
		return format.Header{}, nil, err
	}
	body := b[format.HeaderSize:]
	same := h.IsPut() && !h.Lost && h.Length == at.length && h.Segment == at.segment && h.Store == s.id && h.IDs.Contains(id)
	if !same || format.Checksum(body) != h.BodySum {
		return format.Header{}, nil, format.ErrBadRecord
	}
	return h, body, nil
}

// memory returns n bytes that hold anything, at least one, from room.
func memory(n int, room store.Room) ([]byte, error) {
	if room == nil {
		return uncleared(n), nil
	}
	b, err := room(n)
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

// readError says of which segment a read failed, as a caller of the store is told it.
func readError(segment uint64, err error) error {
	if errors.Is(err, errUnreadable) {
		return fmt.Errorf("%w: segment %d: %w", store.ErrUnavailable, segment, err)
	}
	return err
}

// foundDamage has damage marked, so that Has says no and the next upload heals
// it, and tells of it once.
func (s *Store) foundDamage(ctx context.Context, e *entry, id infohash.ID) {
	if s.mark(ctx, e, id) {
		s.logMark("damage: a stored torrent fails its checksum; an upload of it heals it", e)
	}
}

// giveUp marks what cannot be read as if it were damaged.
func (s *Store) giveUp(ctx context.Context, e *entry, id infohash.ID) {
	if s.mark(ctx, e, id) {
		s.logMark("a stored torrent that cannot be read is given up; an upload of it stores it anew", e)
	}
}

// mark marks the bytes of e, and reports whether that is news, as far as it can tell.
func (s *Store) mark(ctx context.Context, e *entry, id infohash.ID) bool {
	if s.options.ReadOnly {
		return true
	}
	news := false
	mark := func(g *group) (store.Outcome, error) {
		var err error
		news, err = g.damage(id, e.at)
		return 0, err
	}
	// The caller may leave; the mark is for the others.
	err := s.do(context.WithoutCancel(ctx), 0, mark)
	return err != nil || news
}

func (s *Store) logMark(text string, e *entry) {
	s.options.Logger.Error(text, slog.String("info_hash", e.ids.Primary().String()),
		slog.Uint64("segment", e.at.segment), slog.Int64("offset", e.at.offset))
	s.options.OnDamage(e.ids)
}

// readBody returns the body of the record h at an offset of a segment's file, or
// format.ErrBadRecord.
func readBody(file vfs.File, h *format.Header, at int64) ([]byte, error) {
	body := make([]byte, h.Length)
	if err := readFull(file, body, at+format.HeaderSize); err != nil {
		return nil, err
	}
	if format.Checksum(body) != h.BodySum {
		return nil, format.ErrBadRecord
	}
	return body, nil
}

// Has implements [store.Store].
func (s *Store) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.index.hasAll(ids)
}
