package stores

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// Named values of a store that hold the time of an event, in the format of RFC 3339. They survive a
// restart and the rebuilding of the index.
const (
	SinceNote  = "served-since"
	BackupNote = "last-backup"
	VerifyNote = "last-verification"
)

// NoteNow notes in st the present time under name.
func NoteNow(ctx context.Context, st store.Store, name string) error {
	return st.SetValue(context.WithoutCancel(ctx), name, []byte(time.Now().UTC().Format(time.RFC3339)))
}

// NoteOffline is NoteNow for a command that works on a folder. If nothing can be written there, the
// command still succeeds, and log gets a line.
func NoteOffline(ctx context.Context, st store.Store, name string, log io.Writer) {
	if err := NoteNow(ctx, st, name); err != nil {
		fmt.Fprintf(log, "done, but the folder keeps no note of when: %v\n", err)
	}
}

// Noted returns the time that was last noted under name; the zero time if there is none, or it
// cannot be read.
func Noted(ctx context.Context, st store.Store, name string) time.Time {
	text, err := st.Value(ctx, name)
	if err != nil || text == nil {
		return time.Time{}
	}
	when, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return time.Time{}
	}
	return when
}
