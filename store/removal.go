package store

import (
	"fmt"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// Removal says why a torrent was removed.
type Removal struct {
	Reason    string    // for people, at most 1 KiB
	Reference string    // a case number or URL, at most 1 KiB
	Time      time.Time // UTC, cut to whole seconds; the zero time means now
	// Erase makes Remove return only once the torrent's bytes are off the disk, also if it was
	// removed before; without it they leave within a day. It is an order, not part of the stored
	// removal: a store gives removals back without it.
	Erase bool
	// Keep asks the store to keep the bytes for a week instead of a day, so that Restore can bring
	// them back: for removals that others decided. It does not extend the stay of bytes that are
	// removed already, and a store that cannot keep bytes so long ignores it. It is an order like
	// Erase.
	Keep bool
}

// MaxRemovalText is the most bytes that Reason and Reference may have, each.
const MaxRemovalText = 1 << 10

// Validate returns an error that wraps [ErrInvalid] if a text of r is too long.
func (r Removal) Validate() error {
	if len(r.Reason) > MaxRemovalText || len(r.Reference) > MaxRemovalText {
		return fmt.Errorf("%w: reason and reference of a removal may have %d bytes each, they have %d and %d",
			ErrInvalid, MaxRemovalText, len(r.Reason), len(r.Reference))
	}
	return nil
}

// Kept returns r as a store keeps it: with the time in UTC, in whole seconds, or the current
// time if r has none. The error wraps [ErrInvalid] if a text is too long.
func (r Removal) Kept(now func() time.Time) (Removal, error) {
	if err := r.Validate(); err != nil {
		return Removal{}, err
	}
	if r.Time.IsZero() {
		r.Time = now()
	}
	r.Time = r.Time.UTC().Truncate(time.Second)
	return r, nil
}

// CheckID returns an error that wraps [ErrInvalid] if id is zero, which cannot be removed.
func CheckID(id infohash.ID) error {
	if id.IsZero() {
		return fmt.Errorf("%w: no id to remove", ErrInvalid)
	}
	return nil
}

// Removed is the result of Remove or Restore for one id.
type Removed struct {
	// IDs are the ids that were removed or restored together: all of the torrent, or the one id
	// of a removal in advance. With an error it is zero unless the store knows which ids may
	// have changed nevertheless.
	IDs infohash.Set
	// Held is whether Get found the torrent just before it was removed, or finds it
	// just after it was restored. It is meaningful only if Err is nil or ErrNotErased.
	Held bool
	Err  error
}

// FailAll returns n results with the same error.
func FailAll(n int, err error) []Removed {
	results := make([]Removed, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// RemovedError is the form in which a store returns [ErrRemoved], for
// errors.As. Its message omits the removal, which is not for everyone.
type RemovedError struct {
	Removal Removal // the latest of the torrent
}

// Error returns the text of [ErrRemoved].
func (*RemovedError) Error() string { return ErrRemoved.Error() }

// Is reports whether target is [ErrRemoved].
func (*RemovedError) Is(target error) bool { return target == ErrRemoved }
