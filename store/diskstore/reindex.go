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

// Reindex rebuilds the index of a closed store from its segments, and returns the missing parts.
// Open does the same by itself if the index is unusable. First Reindex writes the old index's
// knowledge of missing parts into the log: removals there stay in force, and torrents answer
// ErrDamaged. Parts that recovery skipped, of which no index knew anything, count as missing, too.
// The old index stays until the new one is complete: after an error the store is as it was. Marks
// of damage and days of last access are lost. Errors are those of Open, or say that there is no
// store.
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
		checked.Logger.Warn("the old index cannot tell whether anything is missing", slog.Any("cause", err))
	}
	o.reindex = true
	s, err := Open(o)
	if err != nil {
		return nil, errors.Join(err, index.Remove(checked.FS, checked.Dir), index.BringBack(checked.FS, checked.Dir))
	}
	if len(known) == 0 {
		known = s.foundMissing
	}
	if !hadIndex || o.GiveUp { // else the old index has recorded its content in the log
		known = withPassed(known, s.passed)
	}
	if err := s.Close(); err != nil {
		return nil, errors.Join(err, index.BringBack(checked.FS, checked.Dir))
	}
	return known, index.RemoveAside(checked.FS, checked.Dir)
}

// withPassed returns known, extended by the files in which recovery skipped a part.
func withPassed(known []Missing, passed []format.Place) []Missing {
	for _, p := range passed {
		file := fileOfSegment(p.Segment)
		if !slices.ContainsFunc(known, func(k Missing) bool { return k.File == file }) {
			known = append(known, Missing{File: file, From: p.Offset})
		}
	}
	return known
}

// noteLost opens the store to record in the log which torrents are lost, according to the index.
func noteLost(o Options) ([]Missing, error) {
	o.noteLost = true
	s, err := Open(o)
	if err != nil {
		return nil, err
	}
	return s.foundMissing, s.Close()
}
