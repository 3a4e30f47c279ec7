package diskstore

import (
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// candidate is an item on its way to the committer, with what can be computed
// before.
type candidate struct {
	item    store.Item
	version store.Version
	sum     uint32       // CRC32C of the torrent
	alike   format.Place // of a record that was found to have the item's info bytes; zero if none was
	unread  format.Place // of a record that could not be read; zero if none was
}

// newCandidate checks item and computes its checksums, so that the committer
// need not.
func newCandidate(item store.Item) (*candidate, error) {
	if err := item.Validate(); err != nil {
		return nil, err
	}
	if len(item.Torrent) > format.MaxBody {
		return nil, fmt.Errorf("%w: the torrent has %d bytes, at most %d fit", store.ErrInvalid, len(item.Torrent), format.MaxBody)
	}
	return &candidate{
		item:    item,
		version: store.VersionOf(item.Torrent),
		sum:     format.Checksum(item.Torrent),
	}, nil
}

// errUncompared says that the item would take the place of a record which nobody
// compared with it. The committer cannot: it would have to read from the disk.
var errUncompared = errors.New("the record must be compared first")

// decision is what becomes of a candidate.
type decision struct {
	outcome store.Outcome
	write   bool // whether its record is to be written
	rank    store.Rank
}

// decide says what becomes of p by the rules of store.Store.Put, but for one: the
// info bytes of what is AlreadyCached are compared by its uploader. A record that is
// damaged, or cannot be read, has none to compare.
func (c *changeSet) decide(p *candidate) (decision, error) {
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
	broken := current.Damaged || current.At == p.unread
	highest := max(p.item.Rank, current.Rank)
	switch {
	case broken && conditional && !matches:
		return decision{}, store.ErrChanged
	case broken && current.Version != p.version: // nobody vouched for its outer keys but its uploader
		return decision{store.Healed, true, p.item.Rank}, nil
	case broken:
		return decision{store.Healed, true, highest}, nil
	case current.Version == p.version && highest > current.Rank && p.alike == current.At:
		return decision{store.AlreadyCached, true, highest}, nil
	case current.Version == p.version && highest == current.Rank:
		return decision{outcome: store.AlreadyCached}, nil
	case !conditional && p.item.Rank <= current.Rank:
		return decision{outcome: store.AlreadyCached}, nil
	case p.alike != current.At:
		return decision{}, errUncompared
	case conditional && !matches:
		return decision{}, store.ErrChanged
	case conditional:
		return decision{store.Replaced, true, highest}, nil
	}
	return decision{outcome: store.Outranked}, nil
}

// meet returns the one record that all ids of set have, nil if none has any.
// Errors: ErrRemoved if one is removed, ErrConflict if their records differ.
func (c *changeSet) meet(set infohash.Set) (*index.Entry, error) {
	var found [3]*index.Entry
	ids := set.All()
	for i, id := range ids {
		e, err := c.get(id)
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
