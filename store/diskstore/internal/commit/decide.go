package commit

import (
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// Candidate is an item on its way to the committer, with what can be computed
// before.
type Candidate struct {
	item    store.Item
	version store.Version
	sum     uint32       // CRC32C of the torrent
	Alike   format.Place // of a record that was found to have the item's info bytes; zero if none was
	Unread  format.Place // of a record that could not be read; zero if none was
}

// NewCandidate checks item and computes its checksums, so that the committer
// need not.
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

// ErrUncompared says that the item would take the place of a record which nobody
// compared with it. The committer cannot: it would have to read from the disk.
var ErrUncompared = errors.New("the record must be compared first")

// decision is what becomes of a candidate.
type decision struct {
	outcome store.Outcome
	write   bool // whether its record is to be written
	rank    store.Rank
}

// decide says what becomes of p by the rules of store.Store.Put, but for one: the
// info bytes of what is AlreadyCached are compared by its uploader. A record that is
// damaged, or cannot be read, has none to compare.
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
	case broken && current.Version != p.version: // nobody vouched for its outer keys but its uploader
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

// meet returns the one record that all ids of set have, nil if none has any.
// Errors: ErrRemoved if one is removed, ErrConflict if their records differ.
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

// Change returns what puts p and sets result slot of waiting.
func (p *Candidate) Change(waiting *Call, slot int) *Change {
	return &Change{
		Call: waiting, Slot: slot, Size: format.RecordSize(len(p.item.Torrent)), needy: true,
		Run: func(g *Group) (store.Outcome, error) { return g.put(p) },
	}
}
