package diskstore

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// replayBatch is how many records recovery gives to the index at once.
const replayBatch = 1000

// lostSequences is more than the sequences of all records that can be missing at the
// end of the log.
const lostSequences = 1 << 32

// tornSequences is more than the sequences that a crash can take away. A group
// takes changes in rounds, each of at most maxGroupChanges, until it is full.
const tornSequences = 4 * maxGroupChanges

// replayer brings the index up to what the segments hold.
type replayer struct {
	options  Options
	mark     format.Mark
	index    *index
	pending  *changeSet
	gathered int  // records in pending
	missing  bool // records that were acknowledged are not there, or nobody can tell
}

// errForgetful says that a bounded store may have lost the word that a torrent was
// forgotten or removed, and would give it again.
var errForgetful = errors.New("parts of the cache's log are missing or damaged, so that what it has may be out of date")

// replay reads what the index does not know yet from list, the segments in
// order, and returns the state after it. The index's state must not be ahead.
// With it comes whether the last segment ended exactly where the index had it,
// so that it may be appended to.
func replay(o Options, x *index, from state, list []*segment) (after state, clean bool, err error) {
	known, err := readMark(o, from.store)
	if err != nil {
		return state{}, false, err
	}
	cut := list[len(list)-1].endsBefore(known)
	if cut {
		o.Logger.Error("damage: the end of the log is missing",
			slog.Uint64("segment", known.Segment), slog.Int64("offset", known.Offset))
	}
	ahead := isAhead(from, list)
	if from.segment == 0 { // the index is empty
		from.rebuilt = list[len(list)-1].id
		x.seen = newIDFilter(sizeOf(list))
		defer func() { x.seen = nil }()
	}
	sealed := list[max(0, slices.IndexFunc(list, func(s *segment) bool { return s.id >= from.segment })) : len(list)-1]
	defer readAhead(from.store, sealed)()
	r := &replayer{
		options: o, mark: known, index: x, pending: newChangeSet(x, nil, from),
		missing: cut || ahead || known == format.Mark{} || !isChain(list, from.segment),
	}
	if clean, err = r.all(list, from); err != nil {
		return state{}, false, err
	}
	if r.missing && o.Bounded > 0 && !isBlank(list) {
		return state{}, false, errForgetful
	}
	switch {
	case cut || ahead:
		r.pending.state.sequence += lostSequences
		if at := r.pending.state; cut && (known.Segment > at.segment || known.Segment == at.segment && known.Offset > at.offset) {
			r.pending.state.segment, r.pending.state.offset = known.Segment, known.Offset
		}
	case !clean:
		// What was torn may have used the sequences of two groups, one that was being
		// synced and one that was open. They are never used again, so that equal
		// sequences always mean the same record.
		r.pending.state.sequence += tornSequences
	}
	return r.pending.state, clean && !ahead && !cut, r.flush()
}

// isAhead reports whether the index knows more of the log than the segments of list
// have: a part of it is missing, and the index is the better witness of what it was.
func isAhead(from state, list []*segment) bool {
	last := list[len(list)-1]
	return from.segment > last.id || from.segment == last.id && from.offset > max(last.size, format.SegmentStart)
}

// all reads the segments of list after from, and reports whether the last one ended
// exactly there.
func (r *replayer) all(list []*segment, from state) (clean bool, err error) {
	clean = true
	for i, s := range list {
		if s.id < from.segment {
			continue
		}
		start := int64(format.SegmentStart)
		if s.id == from.segment {
			start = from.offset
		}
		if i < len(list)-1 {
			err = r.sealed(s, start, list[i+1])
		} else {
			clean, err = r.last(s, start)
		}
		if err != nil {
			return false, fmt.Errorf("reading segment %d: %w", s.id, err)
		}
	}
	return clean, nil
}

// isBlank reports whether nothing was ever written to the segments.
func isBlank(list []*segment) bool {
	return len(list) == 1 && list[0].header.Previous == 0 && list[0].size <= format.SegmentStart
}

// isChain reports whether list has every segment there ever was from the segment first
// on; 0 is all.
func isChain(list []*segment, first uint64) bool {
	previous := first
	for _, s := range list {
		if s.id > first && s.header.Previous != previous {
			return false
		}
		previous = max(s.id, first)
	}
	return true
}

// sealed replays a segment that another one follows. It was synced through its
// end before that one was made, so every gap in it is damage.
func (r *replayer) sealed(s *segment, from int64, following *segment) error {
	end := s.endBy(following)
	scan := r.scanner(s, end)
	for from < end {
		h, at, skipped, err := scan.next(from)
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

// isVital reports whether a read that ended with err must not be passed over: it
// failed, and nobody has given up what it would have said.
func (r *replayer) isVital(err error) bool {
	return err != nil && !errors.Is(err, format.ErrBadRecord) && !r.options.GiveUp
}

// record gives one record to the index.
func (r *replayer) record(s *segment, h *format.Header, at int64) error {
	place := location{segment: s.id, offset: at, length: h.Length}
	if h.Mended {
		r.options.Logger.Error("damage: a bit of a record's header is flipped",
			slog.String("info_hash", h.IDs.Primary().String()), slog.Uint64("segment", s.id), slog.Int64("offset", at))
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

// say adds to what is pending what a record says. If the body of a removal is damaged
// its ids are known and stay removed; only the words are lost.
func (r *replayer) say(s *segment, h *format.Header, place location) error {
	switch {
	case h.Kind == format.KindVoid:
		r.pending.state.sequence = max(r.pending.state.sequence, h.Sequence)
		return nil
	case !h.IsKnown():
		r.pending.keepRoom(h, place)
		return nil
	}
	var removal store.Removal
	var name string
	var value []byte
	var err error
	if !h.IsPut() {
		var body []byte
		body, err = readBody(s.file, h, place.offset)
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
		r.options.Logger.Error("the words of a removal, or a named value, are damaged",
			slog.Uint64("segment", s.id), slog.Int64("offset", place.offset))
	}
	switch {
	case h.Kind != format.KindValue:
		return r.pending.apply(h, place, removal)
	case err == nil:
		return r.pending.applyValue(h, place, name, value)
	}
	r.pending.keepRoom(h, place)
	return nil
}

// passed notes that the index will know s up to offset.
func (r *replayer) passed(s *segment, offset int64) {
	r.pending.state.segment = s.id
	r.pending.state.offset = offset
}

// flush writes what is pending.
func (r *replayer) flush() error {
	if err := r.index.commit(r.pending); err != nil {
		return err
	}
	r.pending = newChangeSet(r.index, nil, r.pending.state)
	r.gathered = 0
	return nil
}

func (r *replayer) scanner(s *segment, limit int64) *scanner {
	return &scanner{segment: s, file: s.file, store: r.pending.state.store, limit: limit, passes: r.options.GiveUp}
}

// report logs a gap that is damage.
func (r *replayer) report(s *segment, g gap) {
	if g.from < g.to {
		r.missing = true
		r.index.passed = append(r.index.passed, Missing{File: segmentsDir + "/" + format.SegmentName(s.id), From: g.from})
		r.options.Logger.Error("damage: no readable record where there was one",
			slog.Uint64("segment", s.id), slog.Int64("offset", g.from), slog.Int64("bytes", g.to-g.from))
	}
}
