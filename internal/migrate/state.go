package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/torrentcache/torrentcache/internal/wholefile"
	"github.com/torrentcache/torrentcache/store"
)

// State is the progress of a migration, as a file keeps it.
type State struct {
	To      string // the destination
	Cursor  store.Cursor
	Changes int64 // processed so far
}

type stateFile struct {
	To      string `json:"to"`
	Cursor  string `json:"cursor"`
	Changes int64  `json:"changes"`
}

// ReadState reads the state in the named file. If there is no such file, it returns the state of a
// migration to the given destination that has not begun. A damaged state, or one of another
// destination, is an error.
func ReadState(name, to string) (State, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return State{To: to}, nil
	}
	if err != nil {
		return State{}, err
	}
	var f stateFile
	if err := json.Unmarshal(text, &f); err != nil {
		return State{}, fmt.Errorf("%s is no note of a migration: %w", name, err)
	}
	cursor, ok := store.ParseCursor(f.Cursor)
	if !ok {
		return State{}, fmt.Errorf("%s is no note of a migration: %q is no place in a feed", name, f.Cursor)
	}
	if f.To != to {
		return State{}, fmt.Errorf("%s is of a migration to %s: choose another file, or remove it to begin anew", name, f.To)
	}
	return State{To: to, Cursor: cursor, Changes: f.Changes}, nil
}

// Write writes the state to a new file, calls fsync, and renames it, so that the named file is
// always whole. If a crash brings back an older state, some work is done again.
func (s State) Write(name string) error {
	text, err := json.Marshal(stateFile{To: s.To, Cursor: s.Cursor.String(), Changes: s.Changes})
	if err != nil {
		return err
	}
	return wholefile.Write(name, append(text, '\n'), (*os.File).Sync)
}
