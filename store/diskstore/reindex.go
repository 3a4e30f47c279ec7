package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Reindex builds the index of a store that nobody has open anew from its
// segments, and returns what of them is missing. Open does so by itself where it finds
// the index to be unusable. What the index before knows of missing parts is written
// into the log first: removals there hold, and torrents answer ErrDamaged. Parts that it
// passed over, of which no index knew anything, count as missing, too. That index
// stays until the new one is whole: after an error the store is as it was.
// Marks of damage and the days of last access are lost. Errors are those of
// Open, or say that there is no store.
func Reindex(o Options) ([]Missing, error) {
	checked := o.withDefaults()
	there, err := files.Exists(checked.FS, checked.FS.PathJoin(o.Dir, files.SegmentsDir))
	if err != nil {
		return nil, fmt.Errorf("reindexing: %w", err)
	}
	if !there {
		return nil, fmt.Errorf("reindexing: there is no store in %s", o.Dir)
	}
	hadIndex, isAside, err := index.Exists(checked.FS, checked.Dir)
	if err != nil {
		return nil, fmt.Errorf("reindexing: %w", err)
	}
	hadIndex = hadIndex || isAside
	var known []Missing
	if hadIndex {
		known, err = noteLost(o)
	}
	switch {
	case err != nil && !o.GiveUp, errors.Is(err, ErrLocked), errors.Is(err, ErrNoLock), errors.Is(err, ErrNewerFormat):
		return nil, err
	case err != nil:
		checked.Logger.Warn("the index before cannot say whether anything is missing", slog.Any("cause", err))
	}
	o.reindex = true
	s, err := Open(o)
	if err != nil {
		return nil, errors.Join(err, index.Remove(checked.FS, checked.Dir), index.BringBack(checked.FS, checked.Dir))
	}
	if len(known) == 0 {
		known = s.foundMissing
	}
	if !hadIndex || o.GiveUp { // else it has told the log what stood there
		known = withPassed(known, s.passed)
	}
	if err := s.Close(); err != nil {
		return nil, errors.Join(err, index.BringBack(checked.FS, checked.Dir))
	}
	return known, index.RemoveAside(checked.FS, checked.Dir)
}

// withPassed returns what is missing and, of other files, where recovery passed over a part.
func withPassed(known []Missing, passed []format.Place) []Missing {
	for _, p := range passed {
		file := fileOfSegment(p.Segment)
		if !slices.ContainsFunc(known, func(k Missing) bool { return k.File == file }) {
			known = append(known, Missing{File: file, From: p.Offset})
		}
	}
	return known
}

// noteLost has the index there is tell the log what is lost.
func noteLost(o Options) ([]Missing, error) {
	o.noteLost = true
	s, err := Open(o)
	if err != nil {
		return nil, err
	}
	return s.foundMissing, s.Close()
}
