package diskstore

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/torrentcache/torrentcache/store"
)

// replayBatch is how many records recovery gives to the index at once.
const replayBatch = 1000

// tornSequences is more than the sequences that a crash can take away. A group
// takes changes in rounds, each of at most maxGroupChanges, until it is full.
const tornSequences = 4 * maxGroupChanges

// replayer brings the index up to what the segments hold.
type replayer struct {
	options  Options
	index    *index
	pending  *changeSet
	gathered int // records in pending
}

// replay reads what the index does not know yet from list, the segments in
// order, and returns the state after it. The index's state must not be ahead.
// With it comes whether the last segment ended exactly where the index had it,
// so that it may be appended to.
func replay(o Options, x *index, from state, list []*segment) (after state, clean bool, err error) {
	if from.segment == 0 { // the index is empty
		x.seen = newIDFilter(sizeOf(list))
		defer func() { x.seen = nil }()
	}
	sealed := list[max(0, slices.IndexFunc(list, func(s *segment) bool { return s.id >= from.segment })) : len(list)-1]
	defer readAhead(from.store, sealed)()
	r := &replayer{options: o, index: x, pending: newChangeSet(x, nil, from)}
	clean = true
	for i, s := range list {
		if s.id < from.segment {
			continue
		}
		start := int64(segmentStart)
		if s.id == from.segment {
			start = from.offset
		}
		if i < len(list)-1 {
			err = r.sealed(s, start, list[i+1])
		} else {
			clean, err = r.last(s, start)
		}
		if err != nil {
			return state{}, false, fmt.Errorf("reading segment %d: %w", s.id, err)
		}
	}
	if !clean {
		// What was torn may have used the sequences of two groups, one that was being
		// synced and one that was open. They are never used again, so that equal
		// sequences always mean the same record.
		r.pending.state.sequence += tornSequences
	}
	return r.pending.state, clean, r.flush()
}

// sealed replays a segment that another one follows. It was synced through its
// end before that one was made, so every gap in it is damage.
func (r *replayer) sealed(s *segment, from int64, following *segment) error {
	end := s.endBy(following)
	if following.header.previous == s.id {
		r.report(s, gap{s.size, following.header.previousEnd})
	}
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
		from = at + h.size()
	}
	r.passed(s, end)
	return nil
}

// placed is a record and where it stands.
type placed struct {
	header *header
	at     int64
}

// last replays the segment that was active. What lies behind its last proven
// byte may be torn: the first record there that is not whole ends the log.
func (r *replayer) last(s *segment, from int64) (clean bool, err error) {
	if s.size == from {
		r.passed(s, from)
		return true, nil
	}
	records, proven, err := r.survey(s, from)
	if err != nil {
		return false, err
	}
	end, err := r.wholeEnd(s, records, from, proven)
	if err != nil {
		return false, err
	}
	if err := rewrite(s.file, proven, end); err != nil {
		return false, err
	}
	return false, r.tail(s, records, end)
}

// survey returns the records of s from an offset on, and the offset through
// which they prove s to have been synced.
func (r *replayer) survey(s *segment, from int64) (records []placed, proven int64, err error) {
	scan := r.scanner(s, s.size)
	proven = from
	for from < s.size {
		h, at, _, err := scan.next(from)
		if err != nil {
			return nil, 0, err
		}
		if h == nil {
			break
		}
		records = append(records, placed{h, at})
		proven = max(proven, int64(h.synced))
		from = at + h.size()
	}
	return records, proven, nil
}

// wholeEnd returns where the log ends: before the first unproven record that is
// not whole. It reports what is missing before the proven offset.
func (r *replayer) wholeEnd(s *segment, records []placed, from, proven int64) (int64, error) {
	end := from
	for _, p := range records {
		if p.at < proven {
			r.report(s, gap{end, p.at})
			end = p.at + p.header.size()
			continue
		}
		r.report(s, gap{end, proven})
		end = max(end, proven)
		if whole, err := r.follows(s, p, end); !whole {
			return end, err
		}
		end = p.at + p.header.size()
	}
	r.report(s, gap{end, proven})
	return max(end, proven), nil
}

// follows reports whether the unproven record p begins at end and is whole.
func (r *replayer) follows(s *segment, p placed, end int64) (bool, error) {
	if p.at != end {
		return false, nil
	}
	_, err := readBody(s, p.header, p.at)
	return err == nil, ignoreBad(err)
}

// tail replays those of records that end before the log does.
func (r *replayer) tail(s *segment, records []placed, end int64) error {
	for _, p := range records {
		if p.at >= end {
			break
		}
		if err := r.record(s, p.header, p.at); err != nil {
			return err
		}
	}
	r.passed(s, end)
	if end < s.size {
		r.options.Logger.Info("the end of the log was torn; what was not acknowledged is dropped",
			slog.Uint64("segment", s.id), slog.Int64("offset", end), slog.Int64("bytes", s.size-end))
	}
	return nil
}

// record gives one record to the index.
func (r *replayer) record(s *segment, h *header, at int64) error {
	place := location{segment: s.id, offset: at, length: h.length}
	var removal store.Removal
	if h.kind == store.ChangeRemoved {
		var err error
		if removal, err = readRemoval(s, h, at); err != nil {
			if err = ignoreBad(err); err != nil {
				return err
			}
			// Its ids are known and stay removed; only the words are lost.
			r.options.Logger.Error("the reason of a removal is damaged",
				slog.Uint64("segment", s.id), slog.Int64("offset", at))
		}
	}
	if err := r.pending.apply(h, place, removal); err != nil {
		return err
	}
	r.gathered++
	if r.gathered < replayBatch {
		return nil
	}
	r.passed(s, at+h.size())
	return r.flush()
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
	return &scanner{segment: s, store: r.pending.state.store, limit: limit}
}

// report logs a gap that is damage.
func (r *replayer) report(s *segment, g gap) {
	if g.from < g.to {
		r.options.Logger.Error("damage: no readable record where there was one",
			slog.Uint64("segment", s.id), slog.Int64("offset", g.from), slog.Int64("bytes", g.to-g.from))
	}
}
