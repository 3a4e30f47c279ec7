package recovery

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// Options say what is recovered, and what may be lost by that.
type Options struct {
	Index   index.Options // of which the folder is that of the segments, too
	Anew    bool          // the index is built anew, and the one that is there put aside
	GiveUp  bool          // what cannot be read is passed over, as if it were damaged
	Bounded bool          // the store is a cache of something else: it must not forget what it forgot
}

// CaughtUp is an index that knows all that the segments hold.
type CaughtUp struct {
	Index  *index.Index
	State  index.State
	Clean  bool           // whether the last segment ended exactly where the index had it
	Passed []format.Place // where the parts of the log begin that cannot be read, or are damaged
}

// CatchUp opens the index and brings it up to the segments. One that is damaged or of
// another store is built anew. One that knows more than the segments have is kept: it
// says what is missing.
func CatchUp(o Options, id log.Identity, list []*log.Segment) (CaughtUp, error) {
	usable, err := isUsable(o)
	if err != nil {
		return CaughtUp{}, err
	}
	now, err := tryIndex(o, id, list, usable)
	if err == nil || !errors.Is(err, index.ErrUnusable) {
		return now, err
	}
	o.Index.Logger.Warn("the index is not usable and is built anew from the segments", slog.Any("error", err))
	if !o.Index.ReadOnly {
		if err := index.Remove(o.Index.FS, o.Index.Dir); err != nil {
			return CaughtUp{}, err
		}
	}
	return tryIndex(o, id, list, false)
}

// tryIndex opens the index, or a new one, and replays into it. Errors that building it
// anew may mend wrap index.ErrUnusable. A read that failed is none of them.
func tryIndex(o Options, id log.Identity, list []*log.Segment, isThere bool) (CaughtUp, error) {
	x, err := index.Open(o.Index, isThere)
	if err != nil {
		return CaughtUp{}, err
	}
	from, err := startOf(x, id)
	if err == nil {
		err = x.LoadAccounts()
	}
	var now CaughtUp
	if err == nil {
		now, err = replay(o, x, from, list)
	}
	if err != nil {
		if x.Err() != nil {
			err = fmt.Errorf("%w: %w", index.ErrUnusable, err)
		}
		return CaughtUp{}, errors.Join(err, x.Close())
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
	case o.Anew:
		return false, index.SetAside(o.Index.FS, o.Index.Dir)
	case !o.Index.ReadOnly:
		if err := index.BringBack(o.Index.FS, o.Index.Dir); err != nil {
			return false, err
		}
	}
	condemned, err := index.IsCondemned(o.Index.FS, o.Index.Dir)
	if err != nil || !condemned {
		return err == nil, err
	}
	o.Index.Logger.Warn("the index was found damaged before and is built anew from the segments")
	if o.Index.ReadOnly {
		return false, nil
	}
	return false, index.RemoveCondemned(o.Index.FS, o.Index.Dir)
}

// Remembered returns what the index says of the store in a folder, else what the mark says,
// which does not know the epoch.
func (o Options) Remembered() (log.Witness, error) {
	there, _, err := index.Exists(o.Index.FS, o.Index.Dir)
	if err != nil {
		return log.Witness{}, err
	}
	if there {
		look := o.Index
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
	m, err := log.ReadMark(o.Index.FS, o.Index.Dir, o.GiveUp)
	return log.Witness{End: m}, err
}

// isAhead reports whether the index knows more of the log than the segments of list
// have: a part of it is missing, and the index is the better witness of what it was.
func isAhead(from index.State, list []*log.Segment) bool {
	last := list[len(list)-1]
	return from.Segment > last.ID || from.Segment == last.ID && from.Offset > max(last.Size, format.SegmentStart)
}

// isBlank reports whether nothing was ever written to the segments.
func isBlank(list []*log.Segment) bool {
	return len(list) == 1 && list[0].Header.Previous == 0 && list[0].Size <= format.SegmentStart
}

// isChain reports whether list has every segment there ever was from the segment first
// on; 0 is all.
func isChain(list []*log.Segment, first uint64) bool {
	previous := first
	for _, s := range list {
		if s.ID > first && s.Header.Previous != previous {
			return false
		}
		previous = max(s.ID, first)
	}
	return true
}
