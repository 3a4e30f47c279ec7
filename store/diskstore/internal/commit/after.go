package commit

import (
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// after returns the entry of an id of h once the record is applied; current is its entry before.
// Nil means that the id is unknown. If nothing changes, after returns current.
func after(current *index.Entry, h *format.Header, at format.Place, removal store.Removal) *index.Entry {
	if h.IsPut() {
		return afterPut(current, h, at)
	}
	if current != nil && (current.Sequence > h.Sequence || current.Sequence == h.Sequence && !h.Void) {
		return current
	}
	next := index.Entry{Names: h.Names, IDs: h.IDs}
	if current != nil {
		next = *current
	}
	if h.LeavesNoBytes() {
		next.Leaves(next.At.Segment)
		next.At, next.Damaged = format.Place{}, false
	}
	if next.At.IsZero() {
		// The ids of bytes that are gone may be removed apart. A new index may also know an earlier
		// removal of them all, which was undone by a record that compaction has taken away.
		next.Names, next.IDs = h.Names, h.IDs
	}
	next.Sequence = h.Sequence
	next.Removal = removal
	next.Removal.Erase, next.Removal.Keep = false, false
	if next.Removed = h.Kind == store.ChangeRemoved; next.Removed {
		next.Until = due(current, h, removal.Erase)
	} else if next.At.IsZero() {
		return nil
	}
	return &next
}

// afterPut is after for a put.
func afterPut(current *index.Entry, h *format.Header, at format.Place) *index.Entry {
	next := index.Entry{
		Sequence: h.Sequence, Put: h.Sequence, At: at, Names: h.Names, IDs: h.IDs,
		Rank: h.Rank, Version: h.Version, Damaged: h.Lost,
	}
	if current == nil {
		return &next
	}
	next.Former = current.Former
	isGone := current.At.IsZero() && h.Sequence <= current.Put // gone by a record that leaves no bytes
	switch {
	case h.Sequence == current.Put && h.Lost && current.At.Segment != 0 && !current.Damaged:
		return current // the bytes are there again
	case h.Sequence < current.Put, isGone: // another put replaced it
		kept := *current
		kept.Leaves(at.Segment)
		return &kept
	case h.Sequence < current.Sequence: // a put from before a removal or restoration
		next.Sequence = current.Sequence
		next.Removed, next.Removal, next.Until = current.Removed, current.Removal, current.Until
	}
	next.Leaves(current.At.Segment)
	return &next
}

// RemovedStays is how long a removed torrent can be restored. Its bytes leave the disk within 24
// hours; the rest of that time is for compaction to get to them.
const RemovedStays = 12 * time.Hour

// keptStays is RemovedStays for removals with Keep.
const keptStays = 7 * 24 * time.Hour

// due returns the Unix time at which the bytes that h removes must leave the disk. A repeated
// removal does not postpone it.
func due(current *index.Entry, h *format.Header, erase bool) int64 {
	until := h.Time
	switch {
	case erase:
	case h.Kept:
		until += int64(keptStays / time.Second)
	default:
		until += int64(RemovedStays / time.Second)
	}
	if current != nil && current.Removed {
		until = min(until, current.Until)
	}
	return until
}
