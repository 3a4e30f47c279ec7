// Package stores opens the stores that settings name, the same way for the daemon and for
// commands that work on a store themselves: errors name the setting, and a mistyped folder
// does not become a new store.
package stores

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// Open opens the store in the folder o.Dir, or makes it. Errors name the flag.
func Open(o diskstore.Options) (*diskstore.Store, error) {
	st, err := diskstore.Open(o)
	return st, FolderError(o.Dir, err)
}

// OpenFolder opens the store of a folder that is one already.
func OpenFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := WantFolder(dir); err != nil {
		return nil, err
	}
	return Open(FolderOptions(dir, logger))
}

// ReadFolder opens the store of a folder in which nothing is to be written.
func ReadFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := WantFolder(dir); err != nil {
		return nil, err
	}
	o := FolderOptions(dir, logger)
	o.ReadOnly = true
	return Open(o)
}

// CannotWrite reports whether err says that files of a folder may not be written,
// by the user or at all.
func CannotWrite(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// FolderOptions are those of commands that leave the torrents as they are:
// nothing is compacted while they work.
func FolderOptions(dir string, logger *slog.Logger) diskstore.Options {
	return diskstore.Options{Dir: dir, Logger: logger, MinFreeSpace: None, CompactionRate: None}
}

// None stands for 0 where the store takes 0 for the default.
const None = -1

// WantFolder returns an error unless dir has a store, so that a mistyped name
// does not make an empty one.
func WantFolder(dir string) error {
	info, err := os.Stat(filepath.Join(dir, "segments"))
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("--data-dir %s: %w", dir, err)
	}
	if err != nil || !info.IsDir() {
		return fmt.Errorf("--data-dir %s: this is no data folder of torrentcache: it has no folder named segments", dir)
	}
	return nil
}

func FolderError(dir string, err error) error {
	foreign, isForeign := errors.AsType[*diskstore.ForeignFilesError](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, diskstore.ErrLocked):
		return fmt.Errorf("--data-dir %s: another torrentcache uses this folder: stop it, or choose another one", dir)
	case isForeign: // without what it comes in, which names the folder again
		return fmt.Errorf("--data-dir %s: %w", dir, foreign)
	default:
		return fmt.Errorf("--data-dir %s: %w", dir, err)
	}
}

// FolderLogger tells what matters of a folder to w.
func FolderLogger(w io.Writer) *slog.Logger { return telemetry.NewLogger(w, "text", "warn") }
