package commit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Survivor is a record of a segment that is to be deleted.
type Survivor struct {
	Header   format.Header
	Body     []byte // for a put that is due, the words of its removal
	At       format.Place
	Due      bool // the removed bytes must leave, so they were not read
	Obsolete bool // the record of a drop is no longer needed
}

// ErrComeAgain says that a segment stays until a later compaction.
var ErrComeAgain = fmt.Errorf("%w: a record in it %w", store.ErrUnavailable, files.ErrUnreadable)

// SetBody sets a body that does not come from the record itself.
func (r *Survivor) SetBody(body []byte) {
	r.Body, r.Header.BodySum = body, format.Checksum(body)
}

// IsNeeded reports whether the record h of a torrent, at a place, is still in force, and returns
// its entry. A removal is needed until a later record replaces it. A restoration or a drop is
// needed for the followers of the feed, and so that a rebuilt index does not find the removal
// alone.
func IsNeeded(get func(infohash.ID) (*index.Entry, error), h *format.Header, at format.Place) (*index.Entry, bool, error) {
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

// SurvivorsIn returns the words and values of a part of the log that are still in force, built from
// the index alone.
func SurvivorsIn(x *index.Index, in index.Region) (survivors []Survivor, err error) {
	words, err := x.WordsIn(in)
	if err != nil {
		return nil, err
	}
	for _, f := range words {
		h := format.Header{Kind: f.Change.Kind, Names: f.Names, Sequence: f.Sequence, Time: f.Change.Time.Unix(), IDs: f.Change.IDs}
		e, needed, err := IsNeeded(x.Get, &h, f.At)
		if err != nil {
			return nil, err
		}
		if !needed {
			continue
		}
		h.Void = h.Kind != store.ChangeDropped && (e == nil || e.At.IsZero())
		r := Survivor{Header: h, At: f.At}
		if h.Kind == store.ChangeRemoved {
			r.SetBody(format.AppendRemoval(nil, e.Removal))
		}
		survivors = append(survivors, r)
	}
	values, err := x.ValuesIn(in)
	for _, v := range values {
		r := Survivor{Header: format.Header{Kind: format.KindValue, Sequence: v.Sequence, Time: v.Time}, At: v.At}
		r.SetBody(format.AppendValue(nil, v.Name, v.Data))
		survivors = append(survivors, r)
	}
	return survivors, err
}

// Copy moves r to the end of the log, with its sequence and time, if it is still needed. Removed
// bytes that are due are dropped instead. For lost bytes a record that says so remains.
func (g *Group) Copy(r *Survivor, now int64) error {
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	switch h := &r.Header; {
	case h.IsPut():
		return g.copyPut(r, now)
	case r.Obsolete:
		return g.fade(h)
	case h.IsWord():
		return g.copyWord(r, now)
	case h.Kind == format.KindValue:
		return g.copyValue(r)
	}
	h := r.Header
	g.KeepRoom(&h, g.next(&h))
	g.add(&h, r.Body)
	return nil
}

func (g *Group) copyPut(r *Survivor, now int64) error {
	e, needed, err := IsNeeded(g.Get, &r.Header, r.At)
	if err != nil || !needed {
		return err
	}
	switch {
	case e.Removed && e.Until <= now:
		return g.dropBytes(e, r, now)
	case r.Due: // the torrent was restored meanwhile
		return ErrComeAgain
	}
	h := r.Header
	if len(r.Body) == 0 {
		h.Lost, h.InfoOffset, h.InfoLength, h.BodySum = true, 0, 0, 0
	}
	h.Length = uint32(len(r.Body))
	if err := g.move(e, g.next(&h), h.Lost); err != nil {
		return err
	}
	g.add(&h, r.Body)
	return nil
}

// copyWord copies a word, unless another copy of it exists.
func (g *Group) copyWord(r *Survivor, now int64) error {
	_, needed, err := IsNeeded(g.Get, &r.Header, r.At)
	if err != nil || !needed {
		return err
	}
	told, err := g.told(r.Header.Sequence)
	if r.Header.Kind == store.ChangeDropped && errors.Is(err, index.ErrBadEntry) {
		return nil // the drop was forgotten meanwhile, with another segment
	}
	if err == nil && told.At.Segment == r.At.Segment && told.At.Offset == r.At.Offset {
		g.addWord(r.Header, r.Body, now)
	}
	return err
}

// addWord adds an unchanged word to the log at another place.
func (g *Group) addWord(h format.Header, body []byte, now int64) {
	h.Length = uint32(len(body))
	at := g.next(&h)
	g.tell(&h, at)
	a := g.account(at.Segment)
	a.AddWord(&h)
	if h.Kind == store.ChangeDropped && h.Time+g.committer.options.DropsStay <= now {
		a.Drops -= h.Size() // a copy kept in spite of its age must not make this segment look wasteful
	}
	g.add(&h, body)
}

func (g *Group) copyValue(r *Survivor) error {
	name, value, err := format.ParseValue(r.Body)
	if err != nil {
		return err
	}
	current, err := g.value(name)
	if err != nil || current.Sequence != r.Header.Sequence || current.At.Segment != r.At.Segment || current.At.Offset != r.At.Offset {
		return err
	}
	h := r.Header
	h.Length = uint32(len(r.Body))
	if err := g.ApplyValue(&h, g.next(&h), name, value); err != nil {
		return err
	}
	g.add(&h, r.Body)
	return nil
}

// dropBytes removes the bytes of r from e, which is removed. If other segments have older bytes,
// dropBytes writes the removal again with Void set. Otherwise a rebuilt index would take those
// older bytes for restorable.
func (g *Group) dropBytes(e *index.Entry, r *Survivor, now int64) error {
	next := *e
	next.At, next.Damaged = format.Place{}, false
	next.Former = g.stillThere(e.Former)
	if slices.ContainsFunc(next.Former, func(segment uint64) bool { return segment != r.At.Segment }) {
		told, err := g.told(e.Sequence)
		if err != nil {
			return err
		}
		word := Survivor{Header: format.Header{Kind: store.ChangeRemoved, Names: e.Names, IDs: e.IDs, Sequence: e.Sequence, Time: told.Change.Time.Unix(), Void: true}}
		word.SetBody(format.AppendRemoval(nil, e.Removal))
		if len(word.Body) > len(r.Body) {
			return ErrComeAgain // the group reserved no room for that much
		}
		g.addWord(word.Header, word.Body, now)
	}
	return g.change(e, &next)
}

// move changes the place of e's bytes. Until the segment they leave is deleted, the bytes are in
// both segments.
func (g *Group) move(e *index.Entry, at format.Place, lost bool) error {
	next := *e
	next.At = at
	next.Damaged = e.Damaged || lost
	next.Former = g.stillThere(e.Former)
	next.Leaves(e.At.Segment)
	g.committer.moves.Load().moved(e.At, at)
	return g.change(e, &next)
}

// stillThere returns the segments that still exist.
func (g *Group) stillThere(segments []uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(segments), func(segment uint64) bool { return g.committer.segments.Get(segment) == nil })
}

// told returns the feed entry of a sequence.
func (c *ChangeSet) told(sequence uint64) (index.FeedEntry, error) {
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
