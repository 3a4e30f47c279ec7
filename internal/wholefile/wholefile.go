// Package wholefile writes files so that a file is never there in part.
package wholefile

import (
	"errors"
	"os"
	"path/filepath"
)

// Write replaces the content of the named file, which need not exist, by b. It writes a new file in
// the same folder that only its user may read, calls finish, which may set mode and owner or sync
// the file, and renames the file. After an error the old file is as it was.
func Write(name string, b []byte, finish func(*os.File) error) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".torrentcache-*.part")
	if err != nil {
		return err
	}
	_, err = temp.Write(b)
	err = errors.Join(err, finish(temp), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
