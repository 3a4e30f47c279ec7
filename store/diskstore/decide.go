package diskstore

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// candidate is an item on its way to the committer, with what can be computed
// before.
type candidate struct {
	item    store.Item
	version store.Version
	sum     uint32   // CRC32C of the torrent
	alike   location // of a record that was found to have the item's info bytes; zero if none was
}

// newCandidate checks item and computes its checksums, so that the committer
// need not.
func newCandidate(item store.Item) (*candidate, error) {
	if err := item.Validate(); err != nil {
		return nil, err
	}
	if len(item.Torrent) > maxBody {
		return nil, fmt.Errorf("%w: the torrent has %d bytes, at most %d fit", store.ErrInvalid, len(item.Torrent), maxBody)
	}
	return &candidate{
		item:    item,
		version: store.VersionOf(item.Torrent),
		sum:     crc32.Checksum(item.Torrent, castagnoli),
	}, nil
}

// errUncompared says that the item would take the place of a record which nobody
// compared with it. The committer cannot: it would have to read from the disk.
var errUncompared = errors.New("the record must be compared first")

// decide says what becomes of p by the rules of store.Store.Put, but for one: the
// info bytes of what is AlreadyCached are compared by who asked. A record that is
// damaged has none to compare.
func (c *changeSet) decide(p *candidate) (store.Outcome, error) {
	current, err := c.meet(p.item.IDs)
	if err != nil {
		return 0, err
	}
	conditional := p.item.Replaces != store.Version{}
	switch {
	case current == nil && conditional:
		return 0, store.ErrChanged
	case current == nil:
		return store.Created, nil
	case current.ids != p.item.IDs:
		return 0, store.ErrConflict
	}
	matches := current.version == p.item.Replaces
	switch {
	case current.damaged && conditional && !matches:
		return 0, store.ErrChanged
	case current.damaged:
		return store.Healed, nil
	case current.version == p.version, !conditional && p.item.Rank <= current.rank:
		return store.AlreadyCached, nil
	case p.alike != current.at:
		return 0, errUncompared
	case conditional && !matches:
		return 0, store.ErrChanged
	}
	return store.Replaced, nil
}

// meet returns the one record that all ids of set have, nil if none has any.
// Errors: ErrRemoved if one is removed, ErrConflict if their records differ.
func (c *changeSet) meet(set infohash.Set) (*entry, error) {
	var found [3]*entry
	ids := set.All()
	for i, id := range ids {
		e, err := c.get(id)
		if err != nil {
			return nil, err
		}
		if e != nil && e.removed {
			return nil, &store.RemovedError{Removal: e.removal}
		}
		found[i] = e
	}
	for _, e := range found[1:len(ids)] {
		if (e == nil) != (found[0] == nil) || e != nil && e.at != found[0].at {
			return nil, store.ErrConflict
		}
	}
	return found[0], nil
}
