//go:build unix

package tiered

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// modes fails unless the folder of a cache and the note in it have these modes.
func modes(t *testing.T, dir string, folder, note fs.FileMode) {
	t.Helper()
	for path, want := range map[string]fs.FileMode{dir: folder, filepath.Join(dir, noteName): note} {
		info, err := os.Stat(path)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
		}
	}
}

// The folder is its user's alone, with any umask; one that is there stays as it is.
func TestFolderIsPrivate(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	dir := filepath.Join(t.TempDir(), "cache")
	f := folder{fs: diskstore.SystemFS(), dir: dir, identity: "s3://bucket"}
	must(t, f.empty())
	must(t, f.write(store.Cursor{Epoch: 1}))
	modes(t, dir, 0o700, 0o600)
	must(t, os.Chmod(dir, 0o750))
	must(t, f.empty())
	must(t, f.write(store.Cursor{Epoch: 1}))
	modes(t, dir, 0o750, 0o600)
}
