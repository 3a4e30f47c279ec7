package diskstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// identity is what all segments of a store have in common, and its epoch.
type identity struct {
	store format.StoreID
	epoch uint64
}

// newIdentity returns that of a new store. Its epoch is the time, so that a
// cursor of a store that was deleted does not fit the one made in its place.
func newIdentity(o Options) (identity, error) {
	id := identity{epoch: uint64(max(o.Clock().Unix(), 1))}
	_, err := rand.Read(id.store[:])
	return id, err
}

// load opens all segment files, in order, and returns what they say of the
// store. Where there are none it makes the first.
func (s *segments) load(o Options) (list []*segment, id identity, err error) {
	if !o.ReadOnly {
		if err := makeDir(s.fs, s.dir); err != nil {
			return nil, id, err
		}
	}
	ids, err := listSegments(s.fs, s.dir)
	if err != nil {
		return nil, id, err
	}
	// From the newest on, since only opening tells which one is the last.
	for _, number := range slices.Backward(ids) {
		opened, err := s.openFile(o, number, len(list) == 0)
		if err != nil {
			return nil, id, fmt.Errorf("%s: %w", s.fs.PathJoin(s.dir, format.SegmentName(number)), err)
		}
		if opened != nil {
			list = append(list, opened)
		}
	}
	switch {
	case len(list) == 0 && o.ReadOnly:
		return nil, id, fmt.Errorf("there is no segment in %s", s.dir)
	case len(list) == 0:
		return s.first(o)
	}
	slices.Reverse(list)
	for i, opened := range list[:len(list)-1] {
		s.seal(opened, opened.endBy(list[i+1]))
	}
	id, err = identify(list)
	if errors.Is(err, format.ErrNoSegmentHeader) {
		if was, known := remembered(o); known == nil && was.store != (format.StoreID{}) {
			return list, identity{was.store, was.epoch}, nil
		}
	}
	return list, id, err
}

// first makes the first segment of a new store; or if all segments of one are gone, the
// next one of that, so that what its index knows holds.
func (s *segments) first(o Options) ([]*segment, identity, error) {
	was, err := remembered(o)
	if err != nil {
		return nil, identity{}, err
	}
	id := identity{was.store, was.epoch}
	switch fresh, err := newIdentity(o); {
	case err != nil:
		return nil, id, err
	case was.store == format.StoreID{}:
		id = fresh
	case was.epoch == 0:
		id.epoch = fresh.epoch
	}
	header := format.SegmentHeader{
		Store: id.store, Segment: was.segment + 1, Epoch: id.epoch,
		Previous: was.segment, PreviousEnd: was.offset, Created: o.Clock().Unix(),
	}
	made, err := s.create(header, 0)
	if err != nil {
		return nil, id, err
	}
	return []*segment{made}, id, nil
}

// remembered returns what the index says of the store in a folder, else what the mark says,
// which does not know the epoch; a zero state if neither knows of one.
func remembered(o Options) (state, error) {
	there, err := exists(o.FS, o.FS.PathJoin(o.Dir, indexDir))
	if err != nil {
		return state{}, err
	}
	if there {
		look := o
		look.ReadOnly = true
		x, err := openIndex(look, true)
		if errors.Is(err, errUnreadable) {
			return state{}, err
		}
		if err == nil {
			was, known, err := x.state()
			if err = errors.Join(err, x.close()); err == nil && known {
				return was, nil
			}
		}
	}
	m, err := readAnyMark(o)
	return state{store: m.Store, segment: m.Segment, offset: m.Offset}, err
}

// openFile opens one segment file, for writing too if it is the last. A last
// one whose making was torn holds nothing: it is removed, and nil returned.
func (s *segments) openFile(o Options, id uint64, last bool) (*segment, error) {
	name := s.fs.PathJoin(s.dir, format.SegmentName(id))
	open := func() (vfs.File, error) { return s.fs.Open(name, vfs.RandomReadsOption) }
	if last && !o.ReadOnly {
		open = func() (vfs.File, error) { return s.fs.OpenReadWrite(name, writeCategory, vfs.RandomReadsOption) }
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
	// One that cannot be read now is opened all the same: its records may be, and the
	// index may not need them to be.
	isUnread := errors.Is(err, errUnreadable)
	if !errors.Is(err, format.ErrNoSegmentHeader) && !isUnread || opened == nil {
		return nil, errors.Join(err, f.Close())
	}
	switch isTorn := last && opened.size <= format.SegmentStart && !isUnread; {
	case isTorn && o.ReadOnly:
		return nil, f.Close()
	case isTorn:
		return nil, errors.Join(f.Close(), removeFile(s.fs, s.dir, format.SegmentName(id)))
	}
	o.Logger.Error("a segment's header is damaged or cannot be read; its records are read without it", slog.Uint64("segment", id), slog.Any("cause", err))
	s.add(opened)
	return opened, nil
}

// describe reads the header and the size of a segment file. With
// format.ErrNoSegmentHeader and errUnreadable comes a segment without header.
func describe(f vfs.File, id uint64) (*segment, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	h, err := readSegmentHeader(f)
	if err == nil && h.Segment != id {
		return nil, fmt.Errorf("the file is segment %d under another name", h.Segment)
	}
	if err != nil && !errors.Is(err, format.ErrNoSegmentHeader) && !errors.Is(err, errUnreadable) {
		return nil, err
	}
	return &segment{id: id, file: f, header: h, size: info.Size()}, err
}

// identify returns the store and the highest epoch that the headers name.
func identify(list []*segment) (identity, error) {
	var id identity
	for _, s := range list {
		h := s.header
		switch {
		case h.Segment == 0: // unreadable
			continue
		case id.epoch != 0 && h.Store != id.store:
			return id, fmt.Errorf("segment %d belongs to another store", s.id)
		}
		id.store = h.Store
		id.epoch = max(id.epoch, h.Epoch)
	}
	if id.epoch == 0 {
		return id, fmt.Errorf("%w in any of %d segments", format.ErrNoSegmentHeader, len(list))
	}
	return id, nil
}
