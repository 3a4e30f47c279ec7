package main

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

// openStore opens the store in the folder o.Dir, or makes it. Errors name the flag.
func openStore(o diskstore.Options) (*diskstore.Store, error) {
	st, err := diskstore.Open(o)
	return st, folderError(o.Dir, err)
}

// openFolder opens the store of a folder that is one already.
func openFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := wantFolder(dir); err != nil {
		return nil, err
	}
	return openStore(folderOptions(dir, logger))
}

// readFolder opens the store of a folder in which nothing is to be written.
func readFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := wantFolder(dir); err != nil {
		return nil, err
	}
	o := folderOptions(dir, logger)
	o.ReadOnly = true
	return openStore(o)
}

// cannotWrite reports whether err says that files of a folder may not be written,
// by the user or at all.
func cannotWrite(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// folderOptions are those of commands that leave the torrents as they are:
// nothing is compacted while they work.
func folderOptions(dir string, logger *slog.Logger) diskstore.Options {
	return diskstore.Options{Dir: dir, Logger: logger, MinFreeSpace: none, CompactionRate: none}
}

// none stands for 0 where the store takes 0 for the default.
const none = -1

// wantFolder returns an error unless dir has a store, so that a slip of the pen
// does not make an empty one.
func wantFolder(dir string) error {
	info, err := os.Stat(filepath.Join(dir, "segments"))
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("--data-dir %s: %w", dir, err)
	}
	if err != nil || !info.IsDir() {
		return fmt.Errorf("--data-dir %s: this is no data folder of torrentcache: it has no folder named segments", dir)
	}
	return nil
}

func folderError(dir string, err error) error {
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

// folderLogger tells what matters of a folder to w.
func folderLogger(w io.Writer) *slog.Logger { return telemetry.NewLogger(w, "text", "warn") }
