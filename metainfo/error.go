package metainfo

import "fmt"

// Error says why a file is not a torrent that [Parse] accepts.
type Error struct {
	Offset int64  // of the byte where the rule is broken, from the start of the file
	Rule   string // the broken rule, in words a person can act on
}

// Error returns offset and rule, for example "at byte 57: `pieces` is 41 bytes
// long, want 20 bytes for each of the 2 pieces, 40". It quotes nothing of the
// file but printable ASCII.
func (e *Error) Error() string {
	return fmt.Sprintf("at byte %d: %s", e.Offset, e.Rule)
}

// fail returns the Error for the byte at offset.
func fail(offset int, format string, args ...any) *Error {
	return &Error{Offset: int64(offset), Rule: fmt.Sprintf(format, args...)}
}
