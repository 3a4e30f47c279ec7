package recovery

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/log"
)

// replayBatch is how many records recovery puts into the index at a time.
const replayBatch = 1000

// lostSequences exceeds the number of records that can be missing at the end of the log.
const lostSequences = 1 << 32

// TornSequences exceeds the number of sequences that a crash can take away. A group takes
// changes in rounds of at most maxGroupChanges each, until it is full.
const TornSequences = 4 * commit.MaxGroupChanges

// replayer brings the index up to the segments.
type replayer struct {
	options  Options
	mark     format.Mark
	index    *index.Index
	pending  *commit.ChangeSet
	gathered int  // records in pending
	missing  bool // acknowledged records are missing, or may be
	gaps     []format.Place
}

// ErrForgetful says that a bounded store may have lost the record that a torrent was forgotten
// or removed, and would serve it again.
var ErrForgetful = errors.New("parts of the cache's log are missing or damaged, so its torrents may be out of date")

// replay brings the index x, whose state is from, up to list, the segments in order.
func replay(o Options, x *index.Index, from index.State, list []*log.Segment) (CaughtUp, error) {
	known, err := log.ReadMark(o.Index.FS, o.Index.Dir, o.GiveUp)
	if err != nil {
		return CaughtUp{}, err
	}
	if known.Store != from.Store {
		known = format.Mark{}
	}
	cut := list[len(list)-1].EndsBefore(known)
	if cut {
		o.Index.Logger.Error("damage: the end of the log is missing",
			slog.Uint64("segment", known.Segment), slog.Int64("offset", known.Offset))
	}
	ahead := isAhead(from, list)
	if from.Segment == 0 { // the index is empty
		from.Rebuilt = list[len(list)-1].ID
		defer x.FillsUp(log.Size(list))()
	}
	sealed := list[max(0, slices.IndexFunc(list, func(s *log.Segment) bool { return s.ID >= from.Segment })) : len(list)-1]
	defer log.ReadAhead(from.Store, sealed)()
	r := &replayer{
		options: o, mark: known, index: x, pending: commit.NewChangeSet(o.Bounded, x, nil, from),
		missing: cut || ahead || known == format.Mark{} || !isChain(list, from.Segment),
	}
	clean, err := r.all(list, from)
	if err != nil {
		return CaughtUp{}, err
	}
	if r.missing && o.Bounded && !isBlank(list) {
		return CaughtUp{}, ErrForgetful
	}
	switch {
	case cut || ahead:
		r.pending.State.Sequence += lostSequences
		if at := r.pending.State; cut && (known.Segment > at.Segment || known.Segment == at.Segment && known.Offset > at.Offset) {
			r.pending.State.Segment, r.pending.State.Offset = known.Segment, known.Offset
		}
	case !clean:
		// The torn records may have used the sequences of two groups, one being synced and one
		// open. They are never used again, so that equal sequences always mean the same record.
		r.pending.State.Sequence += TornSequences
	}
	now := CaughtUp{Index: x, State: r.pending.State, Clean: clean && !ahead && !cut, Passed: r.gaps}
	return now, r.flush()
}

// all replays the segments of list after from, and reports whether the last one ended exactly
// there.
func (r *replayer) all(list []*log.Segment, from index.State) (clean bool, err error) {
	clean = true
	for i, s := range list {
		if s.ID < from.Segment {
			continue
		}
		start := int64(format.SegmentStart)
		if s.ID == from.Segment {
			start = from.Offset
		}
		if i < len(list)-1 {
			err = r.sealed(s, start, list[i+1])
		} else {
			clean, err = r.last(s, start)
		}
		if err != nil {
			return false, fmt.Errorf("reading segment %d: %w", s.ID, err)
		}
	}
	return clean, nil
}

// sealed replays a segment that has a successor. It was synced to its end before the successor
// was created, so every gap in it is damage.
func (r *replayer) sealed(s *log.Segment, from int64, following *log.Segment) error {
	end := s.EndBy(following)
	scan := r.scanner(s, end)
	for from < end {
		h, at, skipped, err := scan.Next(from)
		if err != nil {
			return err
		}
		r.report(s, skipped)
		if h == nil {
			break
		}
		if err := r.record(s, h, at); err != nil {
			return err
		}
		from = at + h.Size()
	}
	r.passed(s, end)
	return nil
}

// isVital reports whether a read that failed with err must end recovery: its bytes may be
// needed, and nobody has given them up.
func (r *replayer) isVital(err error) bool {
	return err != nil && !errors.Is(err, format.ErrBadRecord) && !r.options.GiveUp
}

// record replays one record.
func (r *replayer) record(s *log.Segment, h *format.Header, at int64) error {
	place := format.Place{Segment: s.ID, Offset: at, Length: h.Length}
	if h.Mended {
		r.options.Index.Logger.Error("damage: a bit of a record's header is flipped",
			slog.String("info_hash", h.IDs.Primary().String()), slog.Uint64("segment", s.ID), slog.Int64("offset", at))
	}
	if err := r.say(s, h, place); err != nil {
		return err
	}
	r.gathered++
	if r.gathered < replayBatch {
		return nil
	}
	r.passed(s, at+h.Size())
	return r.flush()
}

// say adds the meaning of a record to the pending changes. If the body of a removal is damaged,
// its ids stay removed, and only the words are lost.
func (r *replayer) say(s *log.Segment, h *format.Header, place format.Place) error {
	switch {
	case h.Kind == format.KindVoid:
		r.pending.State.Sequence = max(r.pending.State.Sequence, h.Sequence)
		return nil
	case !h.IsKnown():
		r.pending.KeepRoom(h, place)
		return nil
	}
	var removal store.Removal
	var name string
	var value []byte
	var err error
	if !h.IsPut() {
		var body []byte
		body, err = log.ReadBody(s.File, h, place.Offset)
		switch {
		case err == nil && h.Kind == store.ChangeRemoved:
			removal, err = format.ParseRemoval(body)
		case err == nil && h.Kind == format.KindValue:
			name, value, err = format.ParseValue(body)
		}
	}
	if r.isVital(err) {
		return err
	}
	if err != nil {
		r.options.Index.Logger.Error("the words of a removal, or a named value, are damaged",
			slog.Uint64("segment", s.ID), slog.Int64("offset", place.Offset))
	}
	switch {
	case h.Kind != format.KindValue:
		return r.pending.Apply(h, place, removal)
	case err == nil:
		return r.pending.ApplyValue(h, place, name, value)
	}
	r.pending.KeepRoom(h, place)
	return nil
}

// passed records that the index will know s up to offset.
func (r *replayer) passed(s *log.Segment, offset int64) {
	r.pending.State.Segment = s.ID
	r.pending.State.Offset = offset
}

// flush commits the pending changes.
func (r *replayer) flush() error {
	if err := r.index.Commit(&r.pending.Batch); err != nil {
		return err
	}
	r.pending = commit.NewChangeSet(r.options.Bounded, r.index, nil, r.pending.State)
	r.gathered = 0
	return nil
}

func (r *replayer) scanner(s *log.Segment, limit int64) *log.Scanner {
	return log.NewScanner(s, r.pending.State.Store, limit, r.options.GiveUp)
}

// report logs a gap that is damage.
func (r *replayer) report(s *log.Segment, g log.Gap) {
	if g.From < g.To {
		r.missing = true
		r.gaps = append(r.gaps, format.Place{Segment: s.ID, Offset: g.From})
		r.options.Index.Logger.Error("damage: no readable record where there was one",
			slog.Uint64("segment", s.ID), slog.Int64("offset", g.From), slog.Int64("bytes", g.To-g.From))
	}
}
