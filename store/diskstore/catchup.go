package diskstore

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// caughtUp is an index that knows all that the segments hold.
type caughtUp struct {
	index  *index.Index
	state  index.State
	clean  bool      // whether the last segment ended exactly where the index had it
	passed []Missing // what of the log was passed over, since it cannot be read or is damaged
}

// catchUp opens the index and brings it up to the segments. One that is damaged or of
// another store is built anew. One that knows more than the segments have is kept: it
// says what is missing.
func catchUp(o Options, id log.Identity, list []*log.Segment) (caughtUp, error) {
	usable, err := isUsable(o)
	if err != nil {
		return caughtUp{}, err
	}
	now, err := tryIndex(o, id, list, usable)
	if err == nil || !errors.Is(err, index.ErrUnusable) {
		return now, err
	}
	o.Logger.Warn("the index is not usable and is built anew from the segments", slog.Any("error", err))
	if !o.ReadOnly {
		if err := index.Remove(o.FS, o.Dir); err != nil {
			return caughtUp{}, err
		}
	}
	return tryIndex(o, id, list, false)
}

// tryIndex opens the index, or a new one, and replays into it. Errors that building it
// anew may mend wrap index.ErrUnusable. A read that failed is none of them.
func tryIndex(o Options, id log.Identity, list []*log.Segment, isThere bool) (caughtUp, error) {
	x, err := index.Open(o.indexOptions(), isThere)
	if err != nil {
		return caughtUp{}, err
	}
	from, err := startOf(x, id)
	if err == nil {
		err = x.LoadAccounts()
	}
	var now caughtUp
	if err == nil {
		now, err = replay(o, x, from, list)
	}
	if err != nil {
		if x.Err() != nil {
			err = fmt.Errorf("%w: %w", index.ErrUnusable, err)
		}
		return caughtUp{}, errors.Join(err, x.Close())
	}
	x.Started()
	return now, nil
}

// startOf returns the state that replay begins with.
func startOf(x *index.Index, id log.Identity) (index.State, error) {
	begin := index.State{Store: id.Store, Epoch: id.Epoch}
	known, there, err := x.State()
	switch {
	case errors.Is(err, index.ErrBadEntry):
		return begin, fmt.Errorf("%w: %w", index.ErrUnusable, err)
	case err != nil || !there:
		return begin, err
	case known.Store != id.Store || known.Epoch != id.Epoch:
		return begin, fmt.Errorf("%w: it is that of another store or epoch", index.ErrUnusable)
	}
	return known, nil
}

// isUsable reports whether the index on disk is to be used. One that is not it removes:
// because it was found to be damaged, of which it removes the note then, or by order.
func isUsable(o Options) (bool, error) {
	switch {
	case o.reindex:
		return false, index.SetAside(o.FS, o.Dir)
	case !o.ReadOnly:
		if err := index.BringBack(o.FS, o.Dir); err != nil {
			return false, err
		}
	}
	condemned, err := index.IsCondemned(o.FS, o.Dir)
	if err != nil || !condemned {
		return err == nil, err
	}
	o.Logger.Warn("the index was found damaged before and is built anew from the segments")
	if o.ReadOnly {
		return false, nil
	}
	return false, index.RemoveCondemned(o.FS, o.Dir)
}

// remembered returns what the index says of the store in a folder, else what the mark says,
// which does not know the epoch.
func (o Options) remembered() (log.Witness, error) {
	there, _, err := index.Exists(o.FS, o.Dir)
	if err != nil {
		return log.Witness{}, err
	}
	if there {
		look := o.indexOptions()
		look.ReadOnly = true
		x, err := index.Open(look, true)
		if errors.Is(err, files.ErrUnreadable) {
			return log.Witness{}, err
		}
		if err == nil {
			was, known, err := x.State()
			if err = errors.Join(err, x.Close()); err == nil && known {
				return log.Witness{End: was.Mark(), Epoch: was.Epoch}, nil
			}
		}
	}
	m, err := log.ReadMark(o.FS, o.Dir, o.GiveUp)
	return log.Witness{End: m}, err
}
