package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/store"
)

// The named values of a store that say when something was done, as RFC 3339 has it: they
// survive a restart, and a new index.
const (
	sinceNote  = "served-since"
	backupNote = "last-backup"
	verifyNote = "last-verification"
)

// noteNow keeps in st that what name says was done now.
func noteNow(ctx context.Context, st store.Store, name string) error {
	return st.SetValue(context.WithoutCancel(ctx), name, []byte(time.Now().UTC().Format(time.RFC3339)))
}

// noteOffline is noteNow for a command that works on a folder, which is done all the same if
// nothing can be written there; log gets a line then.
func noteOffline(ctx context.Context, st store.Store, name string, log io.Writer) {
	if err := noteNow(ctx, st, name); err != nil {
		fmt.Fprintf(log, "done, but the folder keeps no note of when: %v\n", err)
	}
}

// noted returns when what name says was last done; the zero time if it never was, or nobody
// can tell.
func noted(ctx context.Context, st store.Store, name string) time.Time {
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

// maintained returns when st was first served and last looked after. A store that cannot take
// the note is first served now, each time.
func maintained(ctx context.Context, st store.Store) telemetry.Maintained {
	m := telemetry.Maintained{Since: noted(ctx, st, sinceNote), Backup: noted(ctx, st, backupNote), Verify: noted(ctx, st, verifyNote)}
	if m.Since.IsZero() {
		m.Since = time.Now()
		_ = noteNow(ctx, st, sinceNote) // the next start tries again
	}
	return m
}
