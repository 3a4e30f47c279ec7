package migrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/store"
)

// State is the note of how far a migration is, in a file.
type State struct {
	To      string // the destination
	Cursor  store.Cursor
	Changes int64 // done
}

type stateFile struct {
	To      string `json:"to"`
	Cursor  string `json:"cursor"`
	Changes int64  `json:"changes"`
}

// ReadState reads the note in the file of that name. There may be none: then it is
// of a migration to the given destination that has not begun. A note of another
// destination, or a damaged one, is an error.
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

// Write writes the note: a new file, fsync, then its name, so that there is always a
// whole one. If a crash brings back an older note, some work is done again.
func (s State) Write(name string) error {
	text, err := json.Marshal(stateFile{To: s.To, Cursor: s.Cursor.String(), Changes: s.Changes})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
