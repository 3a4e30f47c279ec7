package index

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Account counts the needed bytes of records in a segment. The index keeps one for each segment;
// compaction decides by them.
type Account struct {
	Live     int64 // of torrents not removed, of removals and of restorations
	Removed  int64 // of removed torrents
	Due      int64 // Unix time at which the first removed bytes must leave; 0 if none must
	Damaged  int64 // torrents, not removed, that are marked as damaged
	Words    int64 // removals in it, in force or not
	Drops    int64 // the part of Live in records of drops
	LastDrop int64 // Unix time of the last drop
}

const accountSize = 7 * 8

func (a Account) encode() []byte {
	b := make([]byte, 0, accountSize)
	for _, n := range []int64{a.Live, a.Removed, a.Due, a.Damaged, a.Words, a.Drops, a.LastDrop} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func parseAccount(b []byte) (Account, error) {
	if len(b) != accountSize {
		return Account{}, ErrBadEntry
	}
	field := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	return Account{Live: field(0), Removed: field(1), Due: field(2), Damaged: field(3), Words: field(4), Drops: field(5), LastDrop: field(6)}, nil
}

// AddWord counts a word, which counts as needed until its segment is deleted.
func (a *Account) AddWord(h *format.Header) {
	a.Live += h.Size()
	switch h.Kind {
	case store.ChangeRemoved:
		a.Words++
	case store.ChangeDropped:
		a.Drops += h.Size()
		a.LastDrop = max(a.LastDrop, h.Time)
	}
}

// Count adds the bytes of e, which are in the segment, sign times.
func (a *Account) Count(e *Entry, sign int64) {
	size := sign * format.RecordSize(int(e.At.Length))
	if !e.Removed {
		a.Live += size
		if e.Damaged {
			a.Damaged += sign
		}
		return
	}
	a.Removed += size
	if sign > 0 {
		a.Schedule(e.Until)
	}
}

// Schedule makes the segment due at until. That stays even if the torrent is restored.
func (a *Account) Schedule(until int64) {
	if a.Due == 0 || until < a.Due {
		a.Due = until
	}
}

// accounts are the accounts of all segments, as in the index. They are safe for concurrent use.
type accounts struct {
	mu sync.Mutex
	of map[uint64]Account
}

// get returns the account of a segment; a zero one if nothing in it is needed.
func (a *accounts) get(segment uint64) Account {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[segment]
}

// has reports whether there is an account of a segment.
func (a *accounts) has(segment uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, there := a.of[segment]
	return there
}

// update takes over changed accounts; a nil account is deleted.
func (a *accounts) update(changed map[uint64]*Account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for segment, account := range changed {
		if account == nil {
			delete(a.of, segment)
		} else {
			a.of[segment] = *account
		}
	}
}

// Account returns the account of a segment; a zero one if nothing in it is needed.
func (x *Index) Account(segment uint64) Account { return x.accounts.get(segment) }

// HasAccount reports whether there is an account of a segment.
func (x *Index) HasAccount(segment uint64) bool { return x.accounts.has(segment) }

// errEnough ends a walk through the index.
var errEnough = errors.New("the walk through the index ends here")

// LoadAccounts reads the accounts of all segments, and whether there are drops.
func (x *Index) LoadAccounts() error {
	x.accounts.of = map[uint64]Account{}
	err := x.each(keyDropped, func(_, _ []byte) error {
		x.hasDrops.Store(true)
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return x.each(keySegment, func(key, value []byte) error {
		a, err := parseAccount(value)
		if err != nil || len(key) != 9 {
			return ErrBadEntry
		}
		x.accounts.of[binary.BigEndian.Uint64(key[1:])] = a
		return nil
	})
}
