package commit

import (
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Candidate is an item for the committer, with its checksums computed.
type Candidate struct {
	item    store.Item
	version store.Version
	sum     uint32       // CRC32C of the torrent
	Alike   format.Place // of a record with the item's info bytes; zero if none was found
	Unread  format.Place // of a record that could not be read; zero if none
}

// NewCandidate validates item and computes its checksums, to relieve the committer.
func NewCandidate(item store.Item) (*Candidate, error) {
	if err := item.Validate(); err != nil {
		return nil, err
	}
	if len(item.Torrent) > format.MaxBody {
		return nil, fmt.Errorf("%w: the torrent has %d bytes, at most %d fit", store.ErrInvalid, len(item.Torrent), format.MaxBody)
	}
	return &Candidate{
		item:    item,
		version: store.VersionOf(item.Torrent),
		sum:     format.Checksum(item.Torrent),
	}, nil
}

// ErrUncompared says that the item would replace a record that was not compared with it. The
// committer does not compare, because it would have to read the disk.
var ErrUncompared = errors.New("the record must be compared first")

// decision is the fate of a candidate.
type decision struct {
	outcome store.Outcome
	write   bool // whether to write its record
	rank    store.Rank
}

// decide applies the rules of store.Store.Put to p, except one: the info bytes of a record that
// is AlreadyCached are compared by its uploader. A damaged or unreadable record has none to
// compare.
func (c *ChangeSet) decide(p *Candidate) (decision, error) {
	current, err := c.meet(p.item.IDs)
	if err != nil {
		return decision{}, err
	}
	conditional := p.item.Replaces != store.Version{}
	switch {
	case current == nil && conditional:
		return decision{}, store.ErrChanged
	case current == nil:
		return decision{store.Created, true, p.item.Rank}, nil
	case current.IDs != p.item.IDs:
		return decision{}, store.ErrConflict
	}
	matches := p.item.Matches(current.Version, current.Rank)
	broken := current.Damaged || current.At == p.Unread
	highest := max(p.item.Rank, current.Rank)
	switch {
	case broken && conditional && !matches:
		return decision{}, store.ErrChanged
	case broken && current.Version != p.version: // only its uploader vouches for its outer keys
		return decision{store.Healed, true, p.item.Rank}, nil
	case broken:
		return decision{store.Healed, true, highest}, nil
	case current.Version == p.version && highest > current.Rank && p.Alike == current.At:
		return decision{store.AlreadyCached, true, highest}, nil
	case current.Version == p.version && highest == current.Rank:
		return decision{outcome: store.AlreadyCached}, nil
	case !conditional && p.item.Rank <= current.Rank:
		return decision{outcome: store.AlreadyCached}, nil
	case p.Alike != current.At:
		return decision{}, ErrUncompared
	case conditional && !matches:
		return decision{}, store.ErrChanged
	case conditional:
		return decision{store.Replaced, true, highest}, nil
	}
	return decision{outcome: store.Outranked}, nil
}

// meet returns the record that all ids of set share; nil if none has any. Errors: ErrRemoved if
// an id is removed, ErrConflict if their records differ.
func (c *ChangeSet) meet(set infohash.Set) (*index.Entry, error) {
	var found [3]*index.Entry
	ids := set.All()
	for i, id := range ids {
		e, err := c.Get(id)
		if err != nil {
			return nil, err
		}
		if e != nil && e.Removed {
			return nil, &store.RemovedError{Removal: e.Removal}
		}
		found[i] = e
	}
	for _, e := range found[1:len(ids)] {
		if (e == nil) != (found[0] == nil) || e != nil && e.At != found[0].At {
			return nil, store.ErrConflict
		}
	}
	return found[0], nil
}

// Change returns the change that puts p and sets the result slot of waiting.
func (p *Candidate) Change(waiting *Call, slot int) *Change {
	return &Change{
		Call: waiting, Slot: slot, Size: format.RecordSize(len(p.item.Torrent)), needy: true,
		Run: func(g *Group) (store.Outcome, error) { return g.put(p) },
	}
}
