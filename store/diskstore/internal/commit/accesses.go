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

	// accessSlots is the number of slots that remember, by fingerprint, an access that is
	// recorded already: 512 KiB. The id chooses the slot. Two ids that share a slot only cause
	// repeated recording.
	accessSlots = 1 << 16
	// fullAccesses is how many waiting accesses are written at once, without waiting for the
	// next minute.
	fullAccesses = 1 << 14
	// MaxAccesses is the most accesses that wait: about 32 MB. It is reached only while the
	// index takes no writes. From then on everything counts as read, since the accesses are
	// unknown.
	MaxAccesses = 1 << 18
)

// Accesses gathers, off the read path, the days on which torrents were used. It is safe for
// concurrent use.
type Accesses struct {
	slots [accessSlots]atomic.Uint64
	full  chan struct{} // has a token if many accesses wait

	mu      sync.Mutex
	waiting map[infohash.ID]uint32 // days since 1970 by primary id
	writing map[infohash.ID]uint32 // accesses being written into the index; not modified
	floor   uint32                 // everything counts as used on this day or later
	raised  bool                   // the index has an older floor
}

// NewAccesses returns empty Accesses.
func NewAccesses() *Accesses { return &Accesses{full: make(chan struct{}, 1)} }

// DayOf returns the day of a time, in days since 1970.
func DayOf(at time.Time) uint32 { return uint32(max(at.Unix(), 0) / Day) }

// Note records that the torrent of set was used at a time.
func (a *Accesses) Note(set infohash.Set, at time.Time) {
	id, today := set.Primary(), DayOf(at)
	var b [infohash.SizeV2]byte
	id.AppendTo(b[:0])
	print := binary.LittleEndian.Uint64(b[:])
	slot := &a.slots[print%accessSlots]
	print += uint64(today) << 32 // so that each day has its own fingerprint
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

// wake puts a token into a channel of capacity 1, unless it has one.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// raise makes everything count as used on a day. The caller holds mu.
func (a *Accesses) raise(today uint32) {
	if today > a.floor {
		a.floor, a.raised = today, true
	}
}

// Last returns the last day known here on which a torrent was used, by its primary id. The index
// may know a later one.
func (a *Accesses) Last(primary infohash.ID) uint32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(a.floor, a.waiting[primary], a.writing[primary])
}

// Begin returns the waiting accesses, and the floor if it must be written, for the index. The
// caller must call End.
func (a *Accesses) Begin() (days map[infohash.ID]uint32, floor uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing, a.waiting = a.waiting, nil
	if a.raised {
		floor = a.floor
	}
	return a.writing, floor
}

// End completes Begin; written says whether the index has all of it, or nothing.
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

// Start sets the floor that the index has. If it has none, it was rebuilt, or comes from a
// program that did not keep all accesses: then everything counts as used today.
func (a *Accesses) Start(floor, today uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.floor = floor; floor == 0 {
		a.raise(today)
	}
}

// Filled returns a channel that has a token if enough accesses wait to be written at once.
func (a *Accesses) Filled() <-chan struct{} { return a.full }
