package tiered

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
)

// The folder of a cache contains a note and a folder with the copies. New files are private to
// this user, because torrents may be.
const (
	noteName   = "cache.json"
	newName    = "cache.json.new" // a note that is being written
	copiesName = "copies"
)

// note records the remote of the copies, and their position in its feed.
type note struct {
	Store  string `json:"store"`
	Cursor string `json:"cursor"`
	Sum    uint32 `json:"sum"` // CRC-32 of both: a damaged cursor would skip changes
}

func newNote(identity, cursor string) note {
	return note{identity, cursor, crc32.ChecksumIEEE([]byte(identity + "\n" + cursor))}
}

// folder is the folder of a cache.
type folder struct {
	fs            vfs.FS // creates files for this user alone
	dir, identity string
}

func (f folder) path(name string) string { return f.fs.PathJoin(f.dir, name) }

// read returns the position of the copies in the feed; nil if there are none, or if they must be
// discarded. It fails if the folder has other content.
func (f folder) read() (*store.Cursor, error) {
	names, err := f.fs.List(f.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		if name != noteName && name != newName && name != copiesName {
			return nil, fmt.Errorf("%s contains %s, which is not part of a cache: name an empty folder, or one that a cache made", f.dir, name)
		}
	}
	file, err := f.fs.Open(f.path(noteName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
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

// empty creates the folder, or deletes its content: the note first, so that new copies never
// have an old note.
func (f folder) empty() error {
	if _, err := f.fs.Stat(f.fs.PathDir(f.dir)); err != nil {
		return err
	}
	if err := f.fs.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	if err := f.fs.Remove(f.path(noteName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := f.sync(); err != nil {
		return err
	}
	return f.fs.RemoveAll(f.path(copiesName))
}

// write writes the position of the copies: file, fsync, rename, fsync of the folder, so that
// there is always a complete note.
func (f folder) write(at store.Cursor) error {
	text, err := json.Marshal(newNote(f.identity, at.String()))
	if err != nil {
		return err
	}
	file, err := f.fs.Create(f.path(newName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(f.path(newName), f.path(noteName)); err != nil {
		return err
	}
	return f.sync()
}

// sync makes the names in the folder durable. Windows cannot, and need not.
func (f folder) sync() error {
	d, err := f.fs.OpenDir(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
