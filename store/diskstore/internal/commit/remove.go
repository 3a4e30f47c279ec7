package commit

import (
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Remove is the change of a removal, whose record begins with h. It removes all ids of the
// record that has id; if there is none, only id.
func (g *Group) Remove(id infohash.ID, h *format.Header, body []byte, removal store.Removal) (store.Removed, error) {
	if err := store.CheckID(id); err != nil {
		return store.Removed{}, err
	}
	current, err := g.Get(id)
	if err != nil {
		return store.Removed{}, err
	}
	if g.noRoomAtAll != nil {
		return store.Removed{}, g.noRoomAtAll
	}
	switch {
	case current != nil:
		h.Names, h.IDs = current.Names, current.IDs
	case id.Size() == infohash.SizeV2:
		h.Names, h.IDs = format.NameV2, infohash.Set{V2: id}
	default:
		h.Names, h.IDs = format.NameV1, infohash.Set{V1: id}
	}
	return store.Removed{IDs: h.IDs, Held: current.Visible()}, g.append(h, body, removal)
}

// Restore is the change that undoes a removal.
func (g *Group) Restore(id infohash.ID) (store.Removed, error) {
	current, err := g.Get(id)
	if err != nil {
		return store.Removed{}, err
	}
	if current == nil || !current.Removed {
		return store.Removed{}, store.ErrNotFound
	}
	if g.noRoomAtAll != nil {
		return store.Removed{}, g.noRoomAtAll
	}
	// Without Void, a rebuilt index would find older bytes, already replaced by those that are
	// gone, if their segment still exists.
	h := &format.Header{Kind: store.ChangeRestored, Names: current.Names, IDs: current.IDs, Void: current.At.IsZero()}
	held := !current.At.IsZero() && !current.Damaged
	return store.Removed{IDs: current.IDs, Held: held}, g.append(h, nil, store.Removal{})
}

// Fall makes the index forget a record of a discarded segment, as if it had never been there.
func (c *ChangeSet) Fall(h *format.Header, at format.Place) error {
	ids := h.Names.IDs(h.IDs)
	currents, err := c.getAll(ids)
	if err != nil {
		return err
	}
	c.ForgetChange(h.Sequence)
	for i, id := range ids {
		switch e := currents[i]; {
		case e == nil:
		case h.Kind == store.ChangeRemoved && e.Removed && e.Sequence == h.Sequence:
			c.set(id, e, nil)
		case h.IsPut() && e.At.Segment == at.Segment && e.At.Offset == at.Offset:
			var next *index.Entry
			if e.Removed { // the removal stays until its own segment is discarded
				kept := *e
				kept.At, kept.Damaged = format.Place{}, false
				next = &kept
			}
			c.set(id, e, next)
			c.ForgetAccess(e.IDs.Primary())
		}
	}
	return nil
}

// Forget is the change of Store.Forget for one id.
func (g *Group) Forget(id infohash.ID) error {
	e, err := g.Get(id)
	if err != nil || e == nil {
		return err
	}
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	return g.append(&format.Header{Kind: store.ChangeDropped, Names: e.Names, IDs: e.IDs}, nil, store.Removal{})
}
