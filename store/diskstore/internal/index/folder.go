package index

import (
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// Exists reports whether the folder of a store has an index, and whether it has one that was set
// aside.
func Exists(fs vfs.FS, dir string) (there, aside bool, err error) {
	if there, err = files.Exists(fs, fs.PathJoin(dir, files.IndexDir)); err != nil {
		return false, false, err
	}
	aside, err = files.Exists(fs, fs.PathJoin(dir, files.OldIndexDir))
	return there, aside, err
}

// Remove removes the index in the folder of a store.
func Remove(fs vfs.FS, dir string) error { return files.RemoveAll(fs, dir, files.IndexDir) }

// SetAside renames the index, so that BringBack can restore it until a new one is complete.
func SetAside(fs vfs.FS, dir string) error {
	there, _, err := Exists(fs, dir)
	if err != nil || !there {
		return err
	}
	if err := RemoveAside(fs, dir); err != nil {
		return err
	}
	return files.Rename(fs, dir, files.IndexDir, files.OldIndexDir)
}

// RemoveAside removes the index that was set aside.
func RemoveAside(fs vfs.FS, dir string) error { return files.RemoveAll(fs, dir, files.OldIndexDir) }

// BringBack restores the index that was set aside, if there is one.
func BringBack(fs vfs.FS, dir string) error {
	_, aside, err := Exists(fs, dir)
	if err != nil || !aside {
		return err
	}
	if err := Remove(fs, dir); err != nil {
		return err
	}
	return files.Rename(fs, dir, files.OldIndexDir, files.IndexDir)
}

// Condemn leaves a note that the index is damaged and must be rebuilt.
func Condemn(fs vfs.FS, dir string) error { return files.MakeNote(fs, dir, files.CondemnedName) }

// IsCondemned reports whether that note exists.
func IsCondemned(fs vfs.FS, dir string) (bool, error) {
	return files.Exists(fs, fs.PathJoin(dir, files.CondemnedName))
}

// RemoveCondemned removes the damaged index, and then the note.
func RemoveCondemned(fs vfs.FS, dir string) error {
	if err := Remove(fs, dir); err != nil {
		return err
	}
	return files.Remove(fs, dir, files.CondemnedName)
}
