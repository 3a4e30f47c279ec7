// Package recovery brings the index of a disk store up to its log before either is used. It
// reads the part of the segments that the index lacks, tells damage from a torn end, and
// rebuilds an unusable index.
//
// Bytes are damaged if they were synced and are not there: a later record or the mark proves the
// sync. Records without such a proof were never acknowledged. Intact ones among them are written
// again and kept, and the others become void. Nothing is ever appended after a torn end.
//
// A failed read ends recovery, because the next attempt may read those bytes, and a removal may
// be among them. Only [Options].GiveUp skips them.
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

// Options configure recovery.
type Options struct {
	Index   index.Options // its folder is that of the segments, too
	Anew    bool          // rebuild the index, and set the old one aside
	GiveUp  bool          // skip unreadable parts as if they were damaged
	Bounded bool          // a bounded cache: torrents that it forgot must stay forgotten
}

// CaughtUp is an index that is up to date with the segments.
type CaughtUp struct {
	Index  *index.Index
	State  index.State
	Clean  bool           // whether the last segment ended exactly where the index had it
	Passed []format.Place // begins of the unreadable or damaged parts of the log
}

// CatchUp opens the index and brings it up to the segments. It rebuilds an index that is damaged or
// belongs to another store. It keeps an index that is ahead of the segments, because that index
// shows which records are missing.
func CatchUp(o Options, id log.Identity, list []*log.Segment) (CaughtUp, error) {
	usable, err := isUsable(o)
	if err != nil {
		return CaughtUp{}, err
	}
	now, err := tryIndex(o, id, list, usable)
	if err == nil || !errors.Is(err, index.ErrUnusable) {
		return now, err
	}
	o.Index.Logger.Warn("the index is not usable; rebuilding it from the segments", slog.Any("error", err))
	if !o.Index.ReadOnly {
		if err := index.Remove(o.Index.FS, o.Index.Dir); err != nil {
			return CaughtUp{}, err
		}
	}
	return tryIndex(o, id, list, false)
}

// tryIndex opens the index, or a new one, and replays into it. Errors that a rebuild may fix
// wrap index.ErrUnusable. A failed read is not one of them.
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

// startOf returns the state from which replay begins.
func startOf(x *index.Index, id log.Identity) (index.State, error) {
	begin := index.State{Store: id.Store, Epoch: id.Epoch}
	known, there, err := x.State()
	switch {
	case errors.Is(err, index.ErrBadEntry):
		return begin, fmt.Errorf("%w: %w", index.ErrUnusable, err)
	case err != nil || !there:
		return begin, err
	case known.Store != id.Store || known.Epoch != id.Epoch:
		return begin, fmt.Errorf("%w: it belongs to another store or epoch", index.ErrUnusable)
	}
	return known, nil
}

// isUsable reports whether to use the index on disk. It sets the index aside if a rebuild was
// requested, and removes an index that was found damaged, with its note.
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
	o.Index.Logger.Warn("the index was found damaged earlier; rebuilding it from the segments")
	if o.Index.ReadOnly {
		return false, nil
	}
	return false, index.RemoveCondemned(o.Index.FS, o.Index.Dir)
}

// Remembered returns the witness from the index in a folder, or else from the mark, which does
// not have the epoch.
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

// isAhead reports whether the index knows more of the log than the segments of list have. Then a
// part of the log is missing, and the index is the better record of it.
func isAhead(from index.State, list []*log.Segment) bool {
	last := list[len(list)-1]
	return from.Segment > last.ID || from.Segment == last.ID && from.Offset > max(last.Size, format.SegmentStart)
}

// isBlank reports whether nothing was ever written to the segments.
func isBlank(list []*log.Segment) bool {
	return len(list) == 1 && list[0].Header.Previous == 0 && list[0].Size <= format.SegmentStart
}

// isChain reports whether list has every segment that ever was, from the segment first on; 0
// means from the beginning.
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
