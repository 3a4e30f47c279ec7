package commit

import (
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// after returns the entry of an id of h, which had the entry current, once the
// record is there; nil says that it is unknown. If nothing changes it is current.
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
	isGone := current.At.IsZero() && h.Sequence <= current.Put // by a record that leaves no bytes
	switch {
	case h.Sequence == current.Put && h.Lost && current.At.Segment != 0 && !current.Damaged:
		return current // bytes that are there again, after all
	case h.Sequence < current.Put, isGone: // others took its place
		kept := *current
		kept.Leaves(at.Segment)
		return &kept
	case h.Sequence < current.Sequence: // the bytes of what was removed, or restored
		next.Sequence = current.Sequence
		next.Removed, next.Removal, next.Until = current.Removed, current.Removal, current.Until
	}
	next.Leaves(current.At.Segment)
	return &next
}

// RemovedStays is how long removed bytes can be restored for. They leave the
// disk within 24 hours; the other half is for compaction to get to it.
const RemovedStays = 12 * time.Hour

// keptStays is removedStays for removals with Keep.
const keptStays = 7 * 24 * time.Hour

// due returns when the bytes that h removes are to leave the disk, in seconds
// since 1970. Removing again does not put that off.
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
