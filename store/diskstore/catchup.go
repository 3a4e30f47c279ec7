package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

// errBadIndex says that the index cannot be used, but can be built anew.
var errBadIndex = errors.New("index not usable")

// catchUp opens the index and brings it up to the segments. One that is
// damaged, ahead of them or of another store is built anew.
func catchUp(o Options, id identity, list []*segment) (*index, state, bool, error) {
	if err := removeCondemned(o); err != nil {
		return nil, state{}, false, err
	}
	x, now, clean, err := tryIndex(o, id, list)
	if err == nil || !errors.Is(err, errBadIndex) {
		return x, now, clean, err
	}
	o.Logger.Warn("the index is not usable and is built anew from the segments", slog.Any("error", err))
	if err := removeIndex(o.FS, o.Dir); err != nil {
		return nil, state{}, false, err
	}
	return tryIndex(o, id, list)
}

// tryIndex opens the index and replays into it. Errors that building it anew
// may mend wrap errBadIndex.
func tryIndex(o Options, id identity, list []*segment) (*index, state, bool, error) {
	x, err := openIndex(o)
	if err != nil {
		return nil, state{}, false, fmt.Errorf("%w: %w", errBadIndex, err)
	}
	from, err := startOf(x, id, list)
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
	return x, after, clean, nil
}

// startOf returns the state that replay begins with.
func startOf(x *index, id identity, list []*segment) (state, error) {
	begin := state{store: id.store, epoch: id.epoch}
	known, there, err := x.state()
	switch {
	case errors.Is(err, errBadEntry):
		return begin, fmt.Errorf("%w: %w", errBadIndex, err)
	case err != nil || !there:
		return begin, err
	case known.store != id.store || known.epoch != id.epoch:
		return begin, fmt.Errorf("%w: it is that of another store or epoch", errBadIndex)
	case !holds(list, known):
		return begin, fmt.Errorf("%w: it is ahead of the segments", errBadIndex)
	}
	return known, nil
}

// holds reports whether the segments reach to where s says the index is.
func holds(list []*segment, s state) bool {
	i := slices.IndexFunc(list, func(other *segment) bool { return other.id == s.segment })
	return i >= 0 && list[i].size >= s.offset
}

// removeCondemned removes an index that is to be built anew: because it was
// found to be damaged, of which it removes the note then, or by order.
func removeCondemned(o Options) error {
	if o.reindex {
		return removeIndex(o.FS, o.Dir)
	}
	condemned, err := exists(o.FS, o.FS.PathJoin(o.Dir, condemnedName))
	if err != nil || !condemned {
		return err
	}
	o.Logger.Warn("the index was found damaged before and is built anew from the segments")
	if err := removeIndex(o.FS, o.Dir); err != nil {
		return err
	}
	return removeFile(o.FS, o.Dir, condemnedName)
}
