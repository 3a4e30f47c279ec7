package tiered

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/torrentcache/torrentcache/store"
)

// The folder of a cache has a note and a folder with the copies. What is made there is
// for this user alone: the torrents may be private.
const (
	noteName   = "cache.json"
	newName    = "cache.json.new" // a note that is being written
	copiesName = "copies"
)

// note says whose copies are in the folder, and how far they know the feed.
type note struct {
	Store  string `json:"store"`
	Cursor string `json:"cursor"`
	Sum    uint32 `json:"sum"` // CRC-32 of both: a damaged cursor would leave out changes
}

func newNote(identity, cursor string) note {
	return note{identity, cursor, crc32.ChecksumIEEE([]byte(identity + "\n" + cursor))}
}

// folder is where a cache is kept.
type folder struct{ dir, identity string }

// read returns how far the copies in the folder know the feed; nil if they are to be
// thrown away, or there is nothing. It fails if something else is in the folder.
func (f folder) read() (*store.Cursor, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() != noteName && e.Name() != newName && e.Name() != copiesName {
			return nil, fmt.Errorf("%s has %s in it, which is not of a cache: want an empty folder, or one of a cache before", f.dir, e.Name())
		}
	}
	text, err := os.ReadFile(filepath.Join(f.dir, noteName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var n note
	at, ok := store.Cursor{}, false
	if json.Unmarshal(text, &n) == nil && n == newNote(f.identity, n.Cursor) {
		at, ok = store.ParseCursor(n.Cursor)
	}
	if !ok || n.Cursor == "" {
		return nil, nil
	}
	return &at, nil
}

// empty makes the folder, or throws away what is in it: the note first, so that
// copies never have an older one's.
func (f folder) empty() error {
	if err := os.Mkdir(f.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Remove(filepath.Join(f.dir, noteName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := syncFolder(f.dir); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(f.dir, copiesName))
}

// write notes how far the copies know the feed: file, fsync, rename, fsync of the
// folder, so that there is always a whole note.
func (f folder) write(at store.Cursor) error {
	text, err := json.Marshal(newNote(f.identity, at.String()))
	if err != nil {
		return err
	}
	next := filepath.Join(f.dir, newName)
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(f.dir, noteName)); err != nil {
		return err
	}
	return syncFolder(f.dir)
}

// syncFolder makes the names in a folder durable. Windows cannot, and need not.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
