package log

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Identity is the id of the store, which all its segments share, and its epoch.
type Identity struct {
	Store format.StoreID
	Epoch uint64 // the highest epoch of any segment
}

// newIdentity returns the identity of a new store. Its epoch is the time, so that cursors of a
// deleted store do not fit the store created in its place.
func newIdentity(now time.Time) (Identity, error) {
	id := Identity{Epoch: uint64(max(now.Unix(), 1))}
	_, err := rand.Read(id.Store[:])
	return id, err
}

// Witness is the knowledge that the index or the mark has of a store; zero if there is none.
type Witness struct {
	End   format.Mark // the end of its log
	Epoch uint64      // 0 if unknown
}

// Load opens all segment files, in order, and returns them with the identity of the store. If
// there are none, it creates the first. It calls ask for the identity if the segments do not
// tell it. Call it once, before anything else.
func (s *Segments) Load(ask func() (Witness, error)) (list []*Segment, id Identity, err error) {
	o := s.options
	if !o.ReadOnly {
		if err := files.MakeDir(s.fs, s.dir); err != nil {
			return nil, id, err
		}
	}
	ids, err := List(s.fs, s.dir)
	if err != nil {
		return nil, id, err
	}
	// Newest first, since only opening a file tells whether it is the last.
	for _, number := range slices.Backward(ids) {
		opened, err := s.openFile(number, len(list) == 0)
		if err != nil {
			return nil, id, fmt.Errorf("%s: %w", s.fs.PathJoin(s.dir, format.SegmentName(number)), err)
		}
		if opened != nil {
			list = append(list, opened)
		}
	}
	switch {
	case len(list) == 0 && o.ReadOnly:
		return nil, id, fmt.Errorf("there is no segment file in %s", s.dir)
	case len(list) == 0:
		return s.first(ask)
	}
	slices.Reverse(list)
	for i, opened := range list[:len(list)-1] {
		s.Seal(opened, opened.EndBy(list[i+1]))
	}
	id, err = identify(list)
	if errors.Is(err, format.ErrNoSegmentHeader) {
		if was, unknown := ask(); unknown == nil && was.End.Store != (format.StoreID{}) {
			return list, Identity{was.End.Store, was.Epoch}, nil
		}
	}
	return list, id, err
}

// first creates the first segment of a new store. If all segments of an existing store are gone,
// it creates the next segment of that store, so that its index stays valid.
func (s *Segments) first(ask func() (Witness, error)) ([]*Segment, Identity, error) {
	was, err := ask()
	if err != nil {
		return nil, Identity{}, err
	}
	id := Identity{was.End.Store, was.Epoch}
	now := s.options.Clock()
	switch fresh, err := newIdentity(now); {
	case err != nil:
		return nil, id, err
	case was.End.Store == format.StoreID{}:
		id = fresh
	case was.Epoch == 0:
		id.Epoch = fresh.Epoch
	}
	header := format.SegmentHeader{
		Store: id.Store, Segment: was.End.Segment + 1, Epoch: id.Epoch,
		Previous: was.End.Segment, PreviousEnd: was.End.Offset, Created: now.Unix(),
	}
	made, err := s.Create(header, 0)
	if err != nil {
		return nil, id, err
	}
	return []*Segment{made}, id, nil
}

// openFile opens one segment file; the last one for writing, too. If the creation of the last
// one was torn, the file holds nothing: openFile removes it and returns nil.
func (s *Segments) openFile(id uint64, last bool) (*Segment, error) {
	o := s.options
	name := s.fs.PathJoin(s.dir, format.SegmentName(id))
	open := func() (vfs.File, error) { return s.fs.Open(name, vfs.RandomReadsOption) }
	if last && !o.ReadOnly {
		open = func() (vfs.File, error) { return s.fs.OpenReadWrite(name, files.WriteCategory, vfs.RandomReadsOption) }
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	opened, err := describe(f, id)
	if err == nil {
		s.add(opened)
		return opened, nil
	}
	// Open a segment with an unreadable header all the same: its records may be readable, and
	// the index may not need the header.
	isUnread := errors.Is(err, files.ErrUnreadable)
	if !errors.Is(err, format.ErrNoSegmentHeader) && !isUnread || opened == nil {
		return nil, errors.Join(err, f.Close())
	}
	switch isTorn := last && opened.Size <= format.SegmentStart && !isUnread; {
	case isTorn && o.ReadOnly:
		return nil, f.Close()
	case isTorn:
		return nil, errors.Join(f.Close(), files.Remove(s.fs, s.dir, format.SegmentName(id)))
	}
	o.Logger.Error("a segment's header is damaged or cannot be read; its records are read without it", slog.Uint64("segment", id), slog.Any("cause", err))
	s.add(opened)
	return opened, nil
}

// describe reads the header and the size of a segment file. With format.ErrNoSegmentHeader and
// files.ErrUnreadable it returns a segment without a header.
func describe(f vfs.File, id uint64) (*Segment, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := readSegmentHeader(f)
	if err == nil && h.Segment != id {
		return nil, fmt.Errorf("the file is segment %d under another name", h.Segment)
	}
	if err != nil && !errors.Is(err, format.ErrNoSegmentHeader) && !errors.Is(err, files.ErrUnreadable) {
		return nil, err
	}
	return &Segment{ID: id, File: f, Header: h, Size: info.Size()}, err
}

// identify returns the store and the highest epoch in the headers.
func identify(list []*Segment) (Identity, error) {
	var id Identity
	for _, s := range list {
		h := s.Header
		switch {
		case h.Segment == 0: // unreadable
			continue
		case id.Epoch != 0 && h.Store != id.Store:
			return id, fmt.Errorf("segment %d belongs to another store", s.ID)
		}
		id.Store = h.Store
		id.Epoch = max(id.Epoch, h.Epoch)
	}
	if id.Epoch == 0 {
		return id, fmt.Errorf("%w in any of %d segments", format.ErrNoSegmentHeader, len(list))
	}
	return id, nil
}
