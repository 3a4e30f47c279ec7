package diskstore

import (
	"encoding/binary"
	"sync"
)

// account says what a segment holds that is needed, in bytes of records. The
// index keeps one for each; compaction goes by them.
type account struct {
	live    int64 // of torrents not removed, of removals and of restorations
	removed int64 // of removed torrents
	due     int64 // when the first of what was removed must leave, in seconds since 1970; 0 if nothing must
}

const accountSize = 3 * 8

func (a account) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(make([]byte, 0, accountSize), uint64(a.live))
	b = le.AppendUint64(b, uint64(a.removed))
	return le.AppendUint64(b, uint64(a.due))
}

func parseAccount(b []byte) (account, error) {
	if len(b) != accountSize {
		return account{}, errBadEntry
	}
	le := binary.LittleEndian
	return account{live: int64(le.Uint64(b)), removed: int64(le.Uint64(b[8:])), due: int64(le.Uint64(b[16:]))}, nil
}

// count adds the bytes of e, which stand in the segment, sign times.
func (a *account) count(e *entry, sign int64) {
	size := sign * recordSize(int(e.at.length))
	if !e.removed {
		a.live += size
		return
	}
	a.removed += size
	if sign > 0 {
		a.schedule(e.until)
	}
}

// schedule sees that the segment is compacted once until has come. That stays,
// also if what was removed is restored.
func (a *account) schedule(until int64) {
	if a.due == 0 || until < a.due {
		a.due = until
	}
}

// accounts are those of all segments, as the index has them. Safe for
// concurrent use.
type accounts struct {
	mu sync.Mutex
	of map[uint64]account
}

// get returns the account of a segment; a zero one if nothing in it is needed.
func (a *accounts) get(segment uint64) account {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[segment]
}

// update takes over changed accounts; nil takes one away.
func (a *accounts) update(changed map[uint64]*account) {
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
