package store

import (
	"fmt"
	"strconv"
	"strings"
)

// Cursor is a position in the feed: after the changes already seen.
// A cursor of another epoch (the store was restored from a backup) begins anew.
type Cursor struct {
	Epoch    uint64
	Sequence uint64
}

// String returns the cursor as text, which [ParseCursor] reads: epoch and sequence
// in hex.
func (c Cursor) String() string { return fmt.Sprintf("%x-%x", c.Epoch, c.Sequence) }

// ParseCursor reads what [Cursor.String] wrote; nothing is the zero Cursor. It
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
