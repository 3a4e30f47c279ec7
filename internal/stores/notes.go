package stores

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/torrentcache/torrentcache/store"
)

// The named values of a store that say when something was done, as RFC 3339 has it: they
// survive a restart, and a new index.
const (
	SinceNote  = "served-since"
	BackupNote = "last-backup"
	VerifyNote = "last-verification"
)

// NoteNow notes in st that the task of that name was done now.
func NoteNow(ctx context.Context, st store.Store, name string) error {
	return st.SetValue(context.WithoutCancel(ctx), name, []byte(time.Now().UTC().Format(time.RFC3339)))
}

// NoteOffline is noteNow for a command that works on a folder, which is done all the same if
// nothing can be written there; log gets a line then.
func NoteOffline(ctx context.Context, st store.Store, name string, log io.Writer) {
	if err := NoteNow(ctx, st, name); err != nil {
		fmt.Fprintf(log, "done, but the folder keeps no note of when: %v\n", err)
	}
}

// Noted returns when the task of that name was last done; the zero time if it never was, or
// that is not known.
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
