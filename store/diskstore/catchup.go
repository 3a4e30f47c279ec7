package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
)

// errBadIndex says that the index cannot be used, but can be built anew.
var errBadIndex = errors.New("index not usable")

// catchUp opens the index and brings it up to the segments. One that is damaged or of
// another store is built anew. One that knows more than the segments have is kept: it
// says what is missing.
func catchUp(o Options, id identity, list []*segment) (*index, state, bool, error) {
	usable, err := isUsable(o)
	if err != nil {
		return nil, state{}, false, err
	}
	x, now, clean, err := tryIndex(o, id, list, usable)
	if err == nil || !errors.Is(err, errBadIndex) {
		return x, now, clean, err
	}
	o.Logger.Warn("the index is not usable and is built anew from the segments", slog.Any("error", err))
	if !o.ReadOnly {
		if err := removeIndex(o.FS, o.Dir); err != nil {
			return nil, state{}, false, err
		}
	}
	return tryIndex(o, id, list, false)
}

// tryIndex opens the index, or a new one, and replays into it. Errors that building it
// anew may mend wrap errBadIndex. A read that failed is none of them.
func tryIndex(o Options, id identity, list []*segment, isThere bool) (*index, state, bool, error) {
	x, err := openIndex(o, isThere)
	if err != nil {
		return nil, state{}, false, err
	}
	from, err := startOf(x, id)
	var after state
	var clean bool
	if err == nil {
		err = x.loadAccounts()
	}
	if err == nil {
		after, clean, err = replay(o, x, from, list)
	}
	if err != nil {
		if x.health.err() != nil {
			err = fmt.Errorf("%w: %w", errBadIndex, err)
		}
		return nil, state{}, false, errors.Join(err, x.close())
	}
	x.fs.started()
	return x, after, clean, nil
}

// startOf returns the state that replay begins with.
func startOf(x *index, id identity) (state, error) {
	begin := state{store: id.store, epoch: id.epoch}
	known, there, err := x.state()
	switch {
	case errors.Is(err, errBadEntry):
		return begin, fmt.Errorf("%w: %w", errBadIndex, err)
	case err != nil || !there:
		return begin, err
	case known.store != id.store || known.epoch != id.epoch:
		return begin, fmt.Errorf("%w: it is that of another store or epoch", errBadIndex)
	}
	return known, nil
}

// isUsable reports whether the index on disk is to be used. One that is not it removes:
// because it was found to be damaged, of which it removes the note then, or by order.
func isUsable(o Options) (bool, error) {
	switch {
	case o.reindex:
		return false, putIndexAside(o.FS, o.Dir)
	case !o.ReadOnly:
		if err := bringIndexBack(o); err != nil {
			return false, err
		}
	}
	condemned, err := exists(o.FS, o.FS.PathJoin(o.Dir, condemnedName))
	if err != nil || !condemned {
		return err == nil, err
	}
	o.Logger.Warn("the index was found damaged before and is built anew from the segments")
	if o.ReadOnly {
		return false, nil
	}
	if err := removeIndex(o.FS, o.Dir); err != nil {
		return false, err
	}
	return false, removeFile(o.FS, o.Dir, condemnedName)
}
