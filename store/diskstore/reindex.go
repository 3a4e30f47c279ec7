package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
)

// Reindex builds the index of a store that nobody has open anew from its
// segments, and returns what of them is missing. Open does so by itself where it finds
// the index to be unusable. What the index before knows of missing parts is written
// into the log first: removals there hold, and torrents answer ErrDamaged.
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
	known, err := noteLost(o)
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, ErrNewerFormat):
		return nil, err
	case err != nil:
		checked.Logger.Warn("the index before cannot say whether anything is missing", slog.Any("cause", err))
	}
	o.reindex = true
	s, err := Open(o)
	if err != nil {
		return nil, err
	}
	if len(known) == 0 {
		known = s.foundMissing
	}
	return known, s.Close()
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
