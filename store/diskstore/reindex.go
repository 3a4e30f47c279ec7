package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	there, err := exists(checked.FS, checked.FS.PathJoin(o.Dir, segmentsDir))
	if err != nil {
		return nil, fmt.Errorf("reindexing: %w", err)
	}
	if !there {
		return nil, fmt.Errorf("reindexing: there is no store in %s", o.Dir)
	}
	hadIndex, err := hasIndex(checked)
	if err != nil {
		return nil, fmt.Errorf("reindexing: %w", err)
	}
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
		return nil, errors.Join(err, removeIndex(checked.FS, checked.Dir), bringIndexBack(checked))
	}
	if len(known) == 0 {
		known = s.foundMissing
	}
	if !hadIndex || o.GiveUp { // else it has told the log what stood there
		known = withPassed(known, s.index.passed)
	}
	if err := s.Close(); err != nil {
		return nil, errors.Join(err, bringIndexBack(checked))
	}
	return known, removeOldIndex(checked.FS, checked.Dir)
}

// withPassed returns what is missing and, of other files, where recovery passed over a part.
func withPassed(known, passed []Missing) []Missing {
	for _, p := range passed {
		if !slices.ContainsFunc(known, func(k Missing) bool { return k.File == p.File }) {
			known = append(known, p)
		}
	}
	return known
}

// hasIndex reports whether there is an index, be it put aside.
func hasIndex(o Options) (bool, error) {
	there, err := exists(o.FS, o.FS.PathJoin(o.Dir, indexDir))
	if err != nil || there {
		return there, err
	}
	return exists(o.FS, o.FS.PathJoin(o.Dir, oldIndexDir))
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

// bringIndexBack puts the index in its place that Reindex put aside and could not replace,
// if there is one.
func bringIndexBack(o Options) error {
	there, err := exists(o.FS, o.FS.PathJoin(o.Dir, oldIndexDir))
	if err != nil || !there {
		return err
	}
	if err := removeIndex(o.FS, o.Dir); err != nil {
		return err
	}
	return renameFile(o.FS, o.Dir, oldIndexDir, indexDir)
}
