package diskstore

import (
	"errors"
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// isNeeded reports whether the record h of a torrent, at a place, still says what holds,
// and the entry it says that of. A removal is needed as long as nothing came after
// it. What undoes one is needed for those who follow the feed, and lest an index that
// is built anew finds the removal alone.
func isNeeded(get func(infohash.ID) (*entry, error), h *format.Header, at location) (*entry, bool, error) {
	for _, id := range h.Names.IDs(h.IDs) {
		e, err := get(id)
		if err != nil {
			return nil, false, err
		}
		needed := false
		switch h.Kind {
		case store.ChangeRemoved:
			needed = e != nil && e.removed && e.sequence == h.Sequence
		case store.ChangeRestored, store.ChangeDropped:
			needed = e == nil || e.sequence <= h.Sequence
		default:
			needed = e != nil && e.at.segment == at.segment && e.at.offset == at.offset
		}
		if needed {
			return e, true, nil
		}
	}
	return nil, false, nil
}

// relics returns the words and the values of a part of the log that still hold, made
// from the index alone.
func (x *index) relics(in region) (relics []relic, err error) {
	words, err := x.wordsIn(in)
	if err != nil {
		return nil, err
	}
	for _, f := range words {
		h := format.Header{Kind: f.change.Kind, Names: f.names, Sequence: f.sequence, Time: f.change.Time.Unix(), IDs: f.change.IDs}
		e, needed, err := isNeeded(x.get, &h, f.at)
		if err != nil {
			return nil, err
		}
		if !needed {
			continue
		}
		h.Void = h.Kind != store.ChangeDropped && (e == nil || e.at.isZero())
		r := relic{header: h, at: f.at}
		if h.Kind == store.ChangeRemoved {
			r.setBody(format.AppendRemoval(nil, e.removal))
		}
		relics = append(relics, r)
	}
	values, err := x.valuesIn(in)
	for _, v := range values {
		r := relic{header: format.Header{Kind: format.KindValue, Sequence: v.sequence, Time: v.time}, at: v.at}
		r.setBody(format.AppendValue(nil, v.name, v.value))
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
	case e.removed && e.until <= now:
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
	if r.header.Kind == store.ChangeDropped && errors.Is(err, errBadEntry) {
		return nil // it faded meanwhile, in another segment
	}
	if err == nil && told.at.segment == r.at.segment && told.at.offset == r.at.offset {
		g.addWord(r.header, r.body, now)
	}
	return err
}

// addWord adds a word to the log as it was, at another place.
func (g *group) addWord(h format.Header, body []byte, now int64) {
	h.Length = uint32(len(body))
	at := g.next(&h)
	g.tell(&h, at)
	a := g.account(at.segment)
	a.addWord(&h)
	if h.Kind == store.ChangeDropped && h.Time+g.committer.options.droppedStays() <= now {
		a.drops -= h.Size() // it was kept though it is old, and would be each time
	}
	g.add(&h, body)
}

func (g *group) copyValue(r *relic) error {
	name, value, err := format.ParseValue(r.body)
	if err != nil {
		return err
	}
	current, err := g.value(name)
	if err != nil || current.sequence != r.header.Sequence || current.at.segment != r.at.segment || current.at.offset != r.at.offset {
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
func (g *group) dropBytes(e *entry, r *relic, now int64) error {
	next := *e
	next.at, next.damaged = location{}, false
	next.former = g.stillThere(e.former)
	if slices.ContainsFunc(next.former, func(segment uint64) bool { return segment != r.at.segment }) {
		told, err := g.told(e.sequence)
		if err != nil {
			return err
		}
		word := relic{header: format.Header{Kind: store.ChangeRemoved, Names: e.names, IDs: e.ids, Sequence: e.sequence, Time: told.change.Time.Unix(), Void: true}}
		word.setBody(format.AppendRemoval(nil, e.removal))
		if len(word.body) > len(r.body) {
			return errComeAgain // no room was asked for so much
		}
		g.addWord(word.header, word.body, now)
	}
	return g.change(e, &next)
}

// move makes e find its bytes at another place. Until the segment it leaves is
// gone they stand in both.
func (g *group) move(e *entry, at location, lost bool) error {
	next := *e
	next.at = at
	next.damaged = e.damaged || lost
	next.former = g.stillThere(e.former)
	next.leaves(e.at.segment)
	g.committer.moves.Load().moved(e.at, at)
	return g.change(e, &next)
}

// stillThere returns those of segments that are not gone.
func (g *group) stillThere(segments []uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(segments), func(segment uint64) bool { return g.committer.segments.get(segment) == nil })
}

// told returns what the feed says under a sequence.
func (c *changeSet) told(sequence uint64) (feedEntry, error) {
	for i := len(c.feed) - 1; i >= 0; i-- {
		if c.feed[i].sequence == sequence {
			return c.feed[i], nil
		}
	}
	if c.before != nil {
		return c.before.told(sequence)
	}
	key := feedKey(sequence)
	b, err := c.index.lookUp(key)
	if err != nil {
		return feedEntry{}, err
	}
	return parseFeedEntry(key, b)
}
