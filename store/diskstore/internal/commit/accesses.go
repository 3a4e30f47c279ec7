package commit

import (
	"encoding/binary"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

const (
	// Day is the length of a day in seconds.
	Day = 24 * 60 * 60

	// accessSlots is how many accesses are known to be noted already, by a
	// fingerprint in a slot that the id chooses: 512 KiB. Two ids in one slot
	// only make each other be noted again.
	accessSlots = 1 << 16
	// fullAccesses is how many accesses may wait before they are written without waiting for
	// the next minute.
	fullAccesses = 1 << 14
	// MaxAccesses bounds what waits: about 32 MB. It is reached only while the index cannot be
	// written. From then on everything counts as read, since nobody can tell what was.
	MaxAccesses = 1 << 18
)

// Accesses gathers, off the read path, which torrents were used on a day. Safe
// for concurrent use.
type Accesses struct {
	slots [accessSlots]atomic.Uint64
	full  chan struct{} // has a token when many wait

	mu      sync.Mutex
	waiting map[infohash.ID]uint32 // the day, since 1970, by primary id
	writing map[infohash.ID]uint32 // those that are on their way into the index; not changed any more
	floor   uint32                 // everything was used on this day, or later
	raised  bool                   // the index has an older floor
}

// NewAccesses returns accesses of which none was noted yet.
func NewAccesses() *Accesses { return &Accesses{full: make(chan struct{}, 1)} }

// DayOf returns the day of a time, since 1970.
func DayOf(at time.Time) uint32 { return uint32(max(at.Unix(), 0) / Day) }

// Note notes that the torrent of set was used at a time.
func (a *Accesses) Note(set infohash.Set, at time.Time) {
	id, today := set.Primary(), DayOf(at)
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	print := binary.LittleEndian.Uint64(b[:])
	slot := &a.slots[print%accessSlots]
	print += uint64(today) << 32 // another day, another fingerprint
	if slot.Load() == print {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[infohash.ID]uint32{}
	}
	if len(a.waiting) >= MaxAccesses {
		a.raise(today)
		return
	}
	a.waiting[id] = max(a.waiting[id], today)
	slot.Store(print)
	if len(a.waiting) >= fullAccesses {
		wake(a.full)
	}
}

// wake sees that there is a token in a channel that has room for one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// raise has everything count as used on a day. It holds mu.
func (a *Accesses) raise(today uint32) {
	if today > a.floor {
		a.floor, a.raised = today, true
	}
}

// Last returns the last day, as far as it is known here, on which the torrent with a primary
// id was used: what the index knows may be later.
func (a *Accesses) Last(primary infohash.ID) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.floor, a.waiting[primary], a.writing[primary])
}

// Begin returns what is to be written into the index: the accesses that wait, and the floor
// unless that is zero. It must be followed by End.
func (a *Accesses) Begin() (days map[infohash.ID]uint32, floor uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing, a.waiting = a.waiting, nil
	if a.raised {
		floor = a.floor
	}
	return a.writing, floor
}

// End ends what Begin began: the index has all of it now, or nothing.
func (a *Accesses) End(floor uint32, written bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if written {
		a.raised = a.raised && a.floor != floor
	} else if a.waiting == nil {
		a.waiting = maps.Clone(a.writing)
	} else {
		for id, day := range a.writing {
			a.waiting[id] = max(a.waiting[id], day)
		}
	}
	a.writing = nil
}

// Noted is Last without the floor.
func (a *Accesses) Noted(primary infohash.ID) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.waiting[primary], a.writing[primary])
}

// Start begins with the floor that the index has. If it has none it was built anew, or is of a
// program that did not keep all accesses: everything counts as used today.
func (a *Accesses) Start(floor, today uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.floor = floor; floor == 0 {
		a.raise(today)
	}
}

// Filled returns a channel that has a token when so many accesses wait that they should be
// written.
func (a *Accesses) Filled() <-chan struct{} { return a.full }
