// Package memstore keeps torrents in memory: a [store.Store] for tests, and the model with which
// other stores are compared. Nothing survives Close.
package memstore

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// Store is a [store.Store] in memory. One mutex guards all of it.
type Store struct {
	clock func() time.Time
	epoch uint64 // random, never zero, so that cursors of other Stores start at the beginning

	mu      sync.Mutex
	closed  bool
	records map[infohash.ID]*record
	feed    []store.Change // the sequence of a change is its index plus one
	values  map[string][]byte
	stats   store.Stats
}

// record is a torrent, or a removal in advance, which has no bytes. Each of its
// ids points to it.
type record struct {
	ids     []infohash.ID
	set     infohash.Set
	torrent []byte
	info    []byte               // part of torrent
	version func() store.Version // of torrent, computed on first use
	rank    store.Rank
	stored  time.Time
	removal *store.Removal // nil unless removed
	damaged bool
}

// New returns an empty store that takes the time from the system.
func New() *Store { return NewWithClock(time.Now) }

// NewWithClock returns an empty store that takes the time from clock, which
// must be safe for concurrent use.
func NewWithClock(clock func() time.Time) *Store {
	return &Store{clock: clock, epoch: rand.Uint64() | 1, records: map[infohash.ID]*record{}, values: map[string][]byte{}}
}

// Put implements [store.Store].
func (s *Store) Put(ctx context.Context, items []store.Item) []store.Result {
	results := make([]store.Result, len(items))
	for i, item := range items {
		results[i].Outcome, results[i].Err = s.put(ctx, item)
	}
	return results
}

func (s *Store) put(ctx context.Context, item store.Item) (store.Outcome, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if err := item.Validate(); err != nil {
		return 0, err
	}
	current, outcome, err := s.decide(item)
	switch {
	case err != nil || outcome == store.Outranked:
	case outcome != store.AlreadyCached:
		s.write(current, item, outcome)
	case item.Rank > current.rank && bytes.Equal(current.torrent, item.Torrent):
		s.write(current, item, store.Replaced)
	}
	return outcome, err
}

// decide applies the rules of [store.Store.Put] to item, and returns the record with its ids,
// nil if there is none.
func (s *Store) decide(item store.Item) (*record, store.Outcome, error) {
	ids := item.IDs.All()
	for _, id := range ids {
		if r := s.records[id]; r != nil && r.removal != nil {
			return nil, 0, &store.RemovedError{Removal: *r.removal}
		}
	}
	current := s.records[ids[0]]
	for _, id := range ids {
		if s.records[id] != current {
			return nil, 0, store.ErrConflict
		}
	}
	if current == nil {
		if item.Replaces != (store.Version{}) {
			return nil, 0, store.ErrChanged
		}
		return nil, store.Created, nil
	}
	if current.set != item.IDs || !current.damaged && !bytes.Equal(current.info, item.Info()) {
		return nil, 0, store.ErrConflict
	}
	outcome, err := decideKnown(current, item)
	return current, outcome, err
}

// decideKnown is decide for an item of the same torrent as current.
func decideKnown(current *record, item store.Item) (store.Outcome, error) {
	conditional := item.Replaces != store.Version{}
	matches := conditional && item.Matches(current.version(), current.rank)
	switch {
	case current.damaged && conditional && !matches:
		return 0, store.ErrChanged
	case current.damaged:
		return store.Healed, nil
	case bytes.Equal(current.torrent, item.Torrent):
		return store.AlreadyCached, nil
	case conditional && !matches:
		return 0, store.ErrChanged
	case conditional:
		return store.Replaced, nil
	case item.Rank > current.rank:
		return store.Outranked, nil
	}
	return store.AlreadyCached, nil
}

func (s *Store) write(current *record, item store.Item, outcome store.Outcome) {
	s.count(current, -1)
	torrent := item.Torrent
	if !item.Shared {
		torrent = slices.Clone(torrent)
	}
	next := &record{
		ids:     item.IDs.All(),
		set:     item.IDs,
		torrent: torrent,
		info:    torrent[item.InfoOffset : item.InfoOffset+item.InfoLength],
		version: sync.OnceValue(func() store.Version { return store.VersionOf(torrent) }),
		rank:    item.Rank,
		stored:  s.now(),
	}
	if outcome == store.Replaced || outcome == store.Healed && bytes.Equal(current.torrent, torrent) {
		next.rank = max(next.rank, current.rank)
	}
	for _, id := range next.ids {
		s.records[id] = next
	}
	s.count(next, +1)
	kind := store.ChangeReplaced
	if outcome == store.Created {
		kind = store.ChangeAdded
	}
	s.announce(kind, item.IDs)
}

// Get implements [store.Store]. It needs no memory of the caller: readers share the bytes.
func (s *Store) Get(ctx context.Context, id infohash.ID, _ store.Alloc) (store.Torrent, error) {
	if err := s.lock(ctx); err != nil {
		return store.Torrent{}, err
	}
	defer s.mu.Unlock()
	r := s.records[id]
	switch {
	case r == nil:
		return store.Torrent{}, store.ErrNotFound
	case r.removal != nil:
		return store.Torrent{}, &store.RemovedError{Removal: *r.removal}
	case r.damaged:
		return store.Torrent{}, store.ErrDamaged
	}
	return store.Torrent{IDs: r.set, Bytes: r.torrent, Version: r.version(), Rank: r.rank, Stored: r.stored}, nil
}

// Has implements [store.Store].
func (s *Store) Has(ctx context.Context, ids []infohash.ID) ([]store.Held, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	has := make([]store.Held, len(ids))
	for i, id := range ids {
		if r := s.records[id]; r.visible() {
			has[i] = store.Held{IDs: r.set, Rank: r.rank}
		}
	}
	return has, nil
}

// Damage makes the torrent with id answer [store.ErrDamaged] until an upload heals it, for tests
// of the layers above the store. It ignores unknown ids.
func (s *Store) Damage(id infohash.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[id]; r != nil {
		s.count(r, -1)
		r.damaged = true
		s.count(r, +1)
	}
}

// Stats implements [store.Store].
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	if err := s.lock(ctx); err != nil {
		return store.Stats{}, err
	}
	defer s.mu.Unlock()
	return s.stats, nil
}

// Value implements [store.Store].
func (s *Store) Value(ctx context.Context, name string) ([]byte, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return slices.Clone(s.values[name]), store.CheckValue(name, nil)
}

// SetValue implements [store.Store].
func (s *Store) SetValue(ctx context.Context, name string, value []byte) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := store.CheckValue(name, value); err != nil {
		return err
	}
	s.values[name] = append([]byte{}, value...)
	return nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.records, s.feed = nil, nil
	return nil
}

// lock takes mu, which the caller must unlock, unless it returns an error.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrUnavailable
	}
	return nil
}

func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Second) }

// visible reports whether Get would find r's bytes. A nil r is an unknown id.
func (r *record) visible() bool {
	return r != nil && r.torrent != nil && r.removal == nil && !r.damaged
}

// count adds r, as it is now, to the statistics, sign times. A nil r counts nothing.
func (s *Store) count(r *record, sign int64) {
	switch {
	case r.visible():
		s.stats.Torrents += sign
		s.stats.Bytes += sign * int64(len(r.torrent))
	case r != nil && r.removal != nil:
		s.stats.Removed += sign * int64(len(r.ids))
	}
}
