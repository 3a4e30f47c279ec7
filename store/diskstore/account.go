package diskstore

import (
	"encoding/binary"
	"sync"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// account says what a segment holds that is needed, in bytes of records. The
// index keeps one for each; compaction goes by them.
type account struct {
	live     int64 // of torrents not removed, of removals and of restorations
	removed  int64 // of removed torrents
	due      int64 // when the first of what was removed must leave, in seconds since 1970; 0 if nothing must
	damaged  int64 // torrents, not removed, that are marked as damaged
	words    int64 // removals that stand in it, in force or not
	drops    int64 // of live, what the words of drops take
	lastDrop int64 // when the last of those was, in seconds since 1970
}

const accountSize = 7 * 8

func (a account) encode() []byte {
	b := make([]byte, 0, accountSize)
	for _, n := range []int64{a.live, a.removed, a.due, a.damaged, a.words, a.drops, a.lastDrop} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func parseAccount(b []byte) (account, error) {
	if len(b) != accountSize {
		return account{}, errBadEntry
	}
	field := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	return account{live: field(0), removed: field(1), due: field(2), damaged: field(3), words: field(4), drops: field(5), lastDrop: field(6)}, nil
}

// addWord counts a word: as needed until its segment goes.
func (a *account) addWord(h *format.Header) {
	a.live += h.Size()
	switch h.Kind {
	case store.ChangeRemoved:
		a.words++
	case store.ChangeDropped:
		a.drops += h.Size()
		a.lastDrop = max(a.lastDrop, h.Time)
	}
}

// count adds the bytes of e, which stand in the segment, sign times.
func (a *account) count(e *entry, sign int64) {
	size := sign * format.RecordSize(int(e.at.length))
	if !e.removed {
		a.live += size
		if e.damaged {
			a.damaged += sign
		}
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

// has reports whether there is an account of a segment.
func (a *accounts) has(segment uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, there := a.of[segment]
	return there
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
