package diskstore

import (
	"errors"
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// isNeeded reports whether the record h of a torrent, at a place, still says what holds,
// and the entry it says that of. A removal is needed as long as nothing came after
// it. What undoes one is needed for those who follow the feed, and lest an index that
// is built anew finds the removal alone.
func isNeeded(get func(infohash.ID) (*index.Entry, error), h *format.Header, at format.Place) (*index.Entry, bool, error) {
	for _, id := range h.Names.IDs(h.IDs) {
		e, err := get(id)
		if err != nil {
			return nil, false, err
		}
		needed := false
		switch h.Kind {
		case store.ChangeRemoved:
			needed = e != nil && e.Removed && e.Sequence == h.Sequence
		case store.ChangeRestored, store.ChangeDropped:
			needed = e == nil || e.Sequence <= h.Sequence
		default:
			needed = e != nil && e.At.Segment == at.Segment && e.At.Offset == at.Offset
		}
		if needed {
			return e, true, nil
		}
	}
	return nil, false, nil
}

// relicsIn returns the words and the values of a part of the log that still hold, made
// from the index alone.
func relicsIn(x *index.Index, in index.Region) (relics []relic, err error) {
	words, err := x.WordsIn(in)
	if err != nil {
		return nil, err
	}
	for _, f := range words {
		h := format.Header{Kind: f.Change.Kind, Names: f.Names, Sequence: f.Sequence, Time: f.Change.Time.Unix(), IDs: f.Change.IDs}
		e, needed, err := isNeeded(x.Get, &h, f.At)
		if err != nil {
			return nil, err
		}
		if !needed {
			continue
		}
		h.Void = h.Kind != store.ChangeDropped && (e == nil || e.At.IsZero())
		r := relic{header: h, at: f.At}
		if h.Kind == store.ChangeRemoved {
			r.setBody(format.AppendRemoval(nil, e.Removal))
		}
		relics = append(relics, r)
	}
	values, err := x.ValuesIn(in)
	for _, v := range values {
		r := relic{header: format.Header{Kind: format.KindValue, Sequence: v.Sequence, Time: v.Time}, at: v.At}
		r.setBody(format.AppendValue(nil, v.Name, v.Data))
		relics = append(relics, r)
	}
	return relics, err
}

// copy moves r to the end of the log, with its sequence and time, if it is still
// needed. Bytes that were removed and are due are dropped instead; of bytes that are
// gone there stays a note that they are lost.
func (g *group) copy(r *relic, now int64) error {
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	switch h := &r.header; {
	case h.IsPut():
		return g.copyPut(r, now)
	case r.faded:
		return g.fade(h)
	case h.IsWord():
		return g.copyWord(r, now)
	case h.Kind == format.KindValue:
		return g.copyValue(r)
	}
	h := r.header
	g.keepRoom(&h, g.next(&h))
	g.add(&h, r.body)
	return nil
}

func (g *group) copyPut(r *relic, now int64) error {
	e, needed, err := isNeeded(g.get, &r.header, r.at)
	if err != nil || !needed {
		return err
	}
	switch {
	case e.Removed && e.Until <= now:
		return g.dropBytes(e, r, now)
	case r.due: // it was restored meanwhile
		return errComeAgain
	}
	h := r.header
	if len(r.body) == 0 {
		h.Lost, h.InfoOffset, h.InfoLength, h.BodySum = true, 0, 0, 0
	}
	h.Length = uint32(len(r.body))
	if err := g.move(e, g.next(&h), h.Lost); err != nil {
		return err
	}
	g.add(&h, r.body)
	return nil
}

// copyWord copies a word, unless another copy of it stands elsewhere already.
func (g *group) copyWord(r *relic, now int64) error {
	_, needed, err := isNeeded(g.get, &r.header, r.at)
	if err != nil || !needed {
		return err
	}
	told, err := g.told(r.header.Sequence)
	if r.header.Kind == store.ChangeDropped && errors.Is(err, index.ErrBadEntry) {
		return nil // it faded meanwhile, in another segment
	}
	if err == nil && told.At.Segment == r.at.Segment && told.At.Offset == r.at.Offset {
		g.addWord(r.header, r.body, now)
	}
	return err
}

// addWord adds a word to the log as it was, at another place.
func (g *group) addWord(h format.Header, body []byte, now int64) {
	h.Length = uint32(len(body))
	at := g.next(&h)
	g.tell(&h, at)
	a := g.account(at.Segment)
	a.AddWord(&h)
	if h.Kind == store.ChangeDropped && h.Time+g.committer.options.droppedStays() <= now {
		a.Drops -= h.Size() // it was kept though it is old, and would be each time
	}
	g.add(&h, body)
}

func (g *group) copyValue(r *relic) error {
	name, value, err := format.ParseValue(r.body)
	if err != nil {
		return err
	}
	current, err := g.value(name)
	if err != nil || current.Sequence != r.header.Sequence || current.At.Segment != r.at.Segment || current.At.Offset != r.at.Offset {
		return err
	}
	h := r.header
	h.Length = uint32(len(r.body))
	if err := g.applyValue(&h, g.next(&h), name, value); err != nil {
		return err
	}
	g.add(&h, r.body)
	return nil
}

// dropBytes makes e, which is removed, forget its bytes, which r was. If other segments
// have older ones, the removal is written once more, saying so: else an index that is
// built anew would take the older ones for those that can be restored.
func (g *group) dropBytes(e *index.Entry, r *relic, now int64) error {
	next := *e
	next.At, next.Damaged = format.Place{}, false
	next.Former = g.stillThere(e.Former)
	if slices.ContainsFunc(next.Former, func(segment uint64) bool { return segment != r.at.Segment }) {
		told, err := g.told(e.Sequence)
		if err != nil {
			return err
		}
		word := relic{header: format.Header{Kind: store.ChangeRemoved, Names: e.Names, IDs: e.IDs, Sequence: e.Sequence, Time: told.Change.Time.Unix(), Void: true}}
		word.setBody(format.AppendRemoval(nil, e.Removal))
		if len(word.body) > len(r.body) {
			return errComeAgain // no room was asked for so much
		}
		g.addWord(word.header, word.body, now)
	}
	return g.change(e, &next)
}

// move makes e find its bytes at another place. Until the segment it leaves is
// gone they stand in both.
func (g *group) move(e *index.Entry, at format.Place, lost bool) error {
	next := *e
	next.At = at
	next.Damaged = e.Damaged || lost
	next.Former = g.stillThere(e.Former)
	next.Leaves(e.At.Segment)
	g.committer.moves.Load().moved(e.At, at)
	return g.change(e, &next)
}

// stillThere returns those of segments that are not gone.
func (g *group) stillThere(segments []uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(segments), func(segment uint64) bool { return g.committer.segments.Get(segment) == nil })
}

// told returns what the feed says under a sequence.
func (c *changeSet) told(sequence uint64) (index.FeedEntry, error) {
	for i := len(c.Feed) - 1; i >= 0; i-- {
		if c.Feed[i].Sequence == sequence {
			return c.Feed[i], nil
		}
	}
	if c.before != nil {
		return c.before.told(sequence)
	}
	return c.index.Told(sequence)
}
