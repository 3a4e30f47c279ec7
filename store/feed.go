package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
)

// ChangeKind is the kind of a change of a record.
type ChangeKind uint8

// The kinds of changes. A reader of the feed that meets an unknown kind, from a newer program,
// must discard its knowledge of the torrent.
const (
	ChangeAdded    ChangeKind = iota + 1 // Created
	ChangeReplaced                       // Replaced or Healed, or a higher rank
	ChangeRemoved                        // by Remove, also repeated
	ChangeRestored                       // by Restore
	ChangeDropped                        // the torrent is unknown from then on, not removed
)

// Change is one entry of the feed.
type Change struct {
	Kind ChangeKind
	IDs  infohash.Set // for a removal in advance, that one id only
	Time time.Time    // UTC, whole seconds
}

// Cursor is a position in the feed, after the changes already seen. A cursor of another epoch,
// from before the store was restored from a backup, starts at the beginning.
type Cursor struct {
	Epoch    uint64
	Sequence uint64
}

// String returns the cursor as text for [ParseCursor]: epoch and sequence in hex.
func (c Cursor) String() string { return fmt.Sprintf("%x-%x", c.Epoch, c.Sequence) }

// ParseCursor decodes the result of [Cursor.String]; the empty text is the zero Cursor. It
// reports whether text is a cursor.
func ParseCursor(text string) (Cursor, bool) {
	if text == "" {
		return Cursor{}, true
	}
	epoch, sequence, _ := strings.Cut(text, "-")
	var c Cursor
	var err, err2 error
	c.Epoch, err = strconv.ParseUint(epoch, 16, 64)
	c.Sequence, err2 = strconv.ParseUint(sequence, 16, 64)
	return c, err == nil && err2 == nil && c.String() == text
}

// Stats are the counts of a store.
type Stats struct {
	Torrents int64 // torrents that Get would find, without known-damaged ones
	Removed  int64 // ids removed and not restored
	Bytes    int64 // of the torrents, without overhead
	DiskUsed int64 // bytes used, overhead included; 0 for stores in memory
}

// Unread counts the torrents of one rank that were neither read nor stored for some time.
type Unread struct {
	Rank     Rank
	Torrents int64
	Bytes    int64     // of the torrents, without overhead
	Oldest   time.Time // the day of the oldest last use, as its first second, UTC; zero if there are none
}
