package diskstore

import (
	"math"
	"time"
)

// oldest finds the torrent that was used longest ago.
type oldest struct {
	store  *Store
	day    uint32 // of its last use; 0 if none was seen
	before uint64 // puts with a higher sequence were made on that day or later
}

// see takes u into account. It looks up the day of a put only if that may be older than all
// that it saw.
func (o *oldest) see(u lastUse) error {
	if o.day == 0 {
		o.day, o.before = math.MaxUint32, math.MaxUint64
	}
	if u.read >= o.day || u.entry.put > o.before {
		return nil
	}
	put, err := o.store.index.firstAfter(u.entry.put - 1) // its own place in the feed
	if err != nil {
		return err
	}
	used := max(u.read, dayOf(put))
	if used >= o.day {
		return nil
	}
	o.day = used
	o.before, err = o.store.putBefore(used)
	return err
}

// OldestUse returns the day of the last use of the torrent that was used longest ago, as its
// first second, UTC, as it was when the store last looked for what to drop. It is the zero time
// if it did not look since it was opened, or holds nothing.
func (s *Store) OldestUse() time.Time {
	on := s.oldest.Load()
	if on == 0 {
		return time.Time{}
	}
	return time.Unix(int64(on)*day, 0).UTC()
}
