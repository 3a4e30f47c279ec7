package diskstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unsafe"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
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
func (s *Store) find(ctx context.Context, id infohash.ID, room store.Room) (h format.Header, body []byte, at format.Place, err error) {
	if at, known := s.index.Place(id); known {
		h, body, err = s.readAt(at, id, room)
		if !errors.Is(err, format.ErrBadRecord) && !errors.Is(err, files.ErrUnreadable) {
			return h, body, at, err // it is there, or there is no room for it
		} // else the index knows better: it went elsewhere meanwhile, or is damaged
	}
	for before := (format.Place{}); ; {
		e, err := s.index.Get(id)
		if err == nil {
			err = whyUnread(e)
		}
		if err != nil {
			return format.Header{}, nil, format.Place{}, err
		}
		h, body, err := s.readAt(e.At, id, room)
		switch {
		case errors.Is(err, format.ErrBadRecord) && e.At != before: // it may have moved, or been erased, meanwhile
			before = e.At
		case errors.Is(err, format.ErrBadRecord):
			s.foundDamage(ctx, e, id)
			return format.Header{}, nil, format.Place{}, fmt.Errorf("%w: %w", store.ErrDamaged, err)
		default:
			return h, body, e.At, err
		}
	}
}

// whyUnread returns why Get gives no bytes of e without reading any, nil if it may.
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

// readAt returns the record at a place, read into room. Anything else there than an
// untouched one that has id is format.ErrBadRecord, and so is log.ErrGone. A read that failed
// is files.ErrUnreadable and store.ErrUnavailable. Any other error is that of room.
func (s *Store) readAt(at format.Place, id infohash.ID, room store.Room) (format.Header, []byte, error) {
	b, err := memory(format.HeaderSize+int(at.Length), room)
	if err != nil {
		return format.Header{}, nil, err
	}
	// Only now: a room that waits must not keep a segment from being retired.
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

// uncleared returns n bytes, at least one, that hold anything: the caller writes
// all of them, or lets go of them. Clearing the 33 KB of a torrent's record, as
// make does, took a fifth of the time of a read from the page cache. It relies
// on strings.Builder, which does not clear what it grows by, and gives its memory
// back by nothing but String, which nobody keeps.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0) // memory of an empty string need not be that of the builder
	return unsafe.Slice(unsafe.StringData(b.String()), n)
}

// readError says of which segment a read failed, as a caller of the store is told it.
func readError(segment uint64, err error) error {
	if errors.Is(err, files.ErrUnreadable) {
		return fmt.Errorf("%w: segment %d: %w", store.ErrUnavailable, segment, err)
	}
	return err
}

// foundDamage has damage marked, so that Has says no and the next upload heals
// it, and tells of it once.
func (s *Store) foundDamage(ctx context.Context, e *index.Entry, id infohash.ID) {
	if s.mark(ctx, e, id) {
		s.logMark("damage: a stored torrent fails its checksum; an upload of it heals it", e)
	}
}

// giveUp marks what cannot be read as if it were damaged.
func (s *Store) giveUp(ctx context.Context, e *index.Entry, id infohash.ID) {
	if s.mark(ctx, e, id) {
		s.logMark("a stored torrent that cannot be read is given up; an upload of it stores it anew", e)
	}
}

// mark marks the bytes of e, and reports whether that is news, as far as it can tell.
func (s *Store) mark(ctx context.Context, e *index.Entry, id infohash.ID) bool {
	if s.options.ReadOnly {
		return true
	}
	news := false
	mark := func(g *commit.Group) (store.Outcome, error) {
		var err error
		news, err = g.Damage(id, e.At)
		return 0, err
	}
	// The caller may leave; the mark is for the others.
	err := s.committer.Do(context.WithoutCancel(ctx), 0, mark)
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

// Changes implements [store.Store]. The sequence of a cursor is that of a
// record; sequences rise but have gaps.
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

// End implements [store.Store]. What comes later has a higher sequence than any
// that was given out.
func (s *Store) End(ctx context.Context) (store.Cursor, error) {
	if err := s.enter(ctx); err != nil {
		return store.Cursor{}, err
	}
	defer s.leave()
	return store.Cursor{Epoch: s.epoch, Sequence: s.committer.Stats().Sequence}, nil
}
