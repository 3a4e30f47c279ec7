// Package stores opens the stores that the settings name, in the same way for the daemon and for
// commands that work on a store themselves. Errors name the setting, and a mistyped folder does not
// become a new store.
package stores

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/torrentcache/torrentcache/internal/telemetry"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/s3store"
)

// Open opens the store in the folder o.Dir, or makes one there. Errors name the flag.
func Open(o diskstore.Options) (*diskstore.Store, error) {
	st, err := diskstore.Open(o)
	return st, FolderError(o.Dir, err)
}

// OpenFolder opens the store in a folder that already has one.
func OpenFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := WantFolder(dir); err != nil {
		return nil, err
	}
	return Open(FolderOptions(dir, logger))
}

// ReadFolder opens the store in a folder without writing to the folder.
func ReadFolder(dir string, logger *slog.Logger) (*diskstore.Store, error) {
	if err := WantFolder(dir); err != nil {
		return nil, err
	}
	o := FolderOptions(dir, logger)
	o.ReadOnly = true
	return Open(o)
}

// CannotWrite reports whether err says that files in a folder cannot be written: the user may not,
// or the file system is read-only.
func CannotWrite(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// FolderOptions returns the options for commands that leave the torrents as they are. The store
// compacts nothing while such a command works.
func FolderOptions(dir string, logger *slog.Logger) diskstore.Options {
	return diskstore.Options{Dir: dir, Logger: logger, MinFreeSpace: None, CompactionRate: None}
}

// None stands for 0 in options of which 0 means the default.
const None = -1

// WantFolder returns an error unless dir has a store, so that a mistyped name does not make an
// empty one.
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
	case isForeign: // without the error around it, which names the folder too
		return fmt.Errorf("--data-dir %s: %w", dir, foreign)
	default:
		return fmt.Errorf("--data-dir %s: %w", dir, err)
	}
}

// FolderLogger returns a logger that writes warnings and errors to w.
func FolderLogger(w io.Writer) *slog.Logger { return telemetry.NewLogger(w, "text", "warn") }

// BucketLocation parses the location of a bucket. If text has no region, it takes the region from
// AWS_REGION or AWS_DEFAULT_REGION.
func BucketLocation(text string) (s3store.Location, error) {
	location, err := s3store.ParseLocation(text)
	location.Region = cmp.Or(location.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	return location, err
}

// Close closes st. Its error says that closing failed.
func Close(st store.Store) error {
	if err := st.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}
