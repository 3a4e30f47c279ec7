package tiered

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/memstore"
)

func TestFolderOfAnotherStore(t *testing.T) {
	_, n := startCached(t)
	same := n.reopen()
	eventually(t, "the copy is lost", func() bool { return same.CacheStats(t.Context()).Torrents == 1 })
	same.cached(one)
	other := open(t, memstore.New(), same.moved(), func(o *Options) { o.Identity = "s3://other" })
	other.wantErr(one.IDs.V1, store.ErrNotFound)
	if s := other.CacheStats(t.Context()); s.Torrents != 0 {
		t.Error("copies of another store are kept")
	}
}

// A folder that a node uses is refused to others, and keeps its content: also just
// after the node began, and when the other node is over another store.
func TestFolderInUse(t *testing.T) {
	n := start(t, newRemote())
	for _, identity := range []string{"s3://bucket", "s3://other"} {
		_, err := Open(Options{Remote: memstore.New(), Identity: identity, Dir: n.dir, Size: MinSize})
		if !errors.Is(err, diskstore.ErrLocked) {
			t.Errorf("Open for %s = %v, want that it is in use", identity, err)
		}
		if left, err := os.ReadDir(filepath.Join(n.dir, copiesName)); len(left) == 0 {
			t.Errorf("Open for %s emptied it: %v", identity, err)
		}
	}
}

// Files of others among the copies are left alone: the folder is refused, not emptied.
func TestForeignFileAmongCopies(t *testing.T) {
	dir := start(t, newRemote()).moved()
	foreign := filepath.Join(dir, copiesName, "thesis.doc")
	if err := os.WriteFile(foreign, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, identity := range []string{"s3://bucket", "s3://other"} {
		_, err := Open(Options{Remote: memstore.New(), Identity: identity, Dir: dir, Size: MinSize})
		if _, ok := errors.AsType[*diskstore.ForeignFilesError](err); !ok {
			t.Errorf("Open for %s = %v, want that there are files of others", identity, err)
		}
		if _, err := os.Stat(foreign); err != nil {
			t.Error(err)
		}
	}
}

// moved closes the cache and returns its folder.
func (n *node) moved() string {
	n.close()
	return n.dir
}

// A feed that begins anew says nothing of earlier changes.
func TestFeedOfAnotherEpoch(t *testing.T) {
	_, n := startCached(t)
	n.set(func(l *line) { l.newEpoch = 77 })
	eventually(t, "copies from before are kept", func() bool { return n.CacheStats(t.Context()).Torrents == 0 })
	n.cached(one)
}

func TestBrokenFolders(t *testing.T) {
	for name, breakIt := range map[string]func(t *testing.T, dir string){
		"no note": func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, noteName))) },
		"bad note": func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, noteName), []byte("{"), 0o644))
		},
		"no copies":   func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, copiesName))) },
		"bad copies":  func(t *testing.T, dir string) { scribble(t, filepath.Join(dir, copiesName)) },
		"all is gone": func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"no segments": func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, copiesName, "segments"))) },
		"a half note": func(t *testing.T, dir string) { must(t, os.WriteFile(filepath.Join(dir, newName), []byte("{"), 0o644)) },
		"empty cursor": func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, noteName), []byte(`{"store":"s3://bucket"}`), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			remote, n := startCached(t)
			n.close()
			breakIt(t, n.dir)
			open(t, remote, n.dir).cached(one)
		})
	}
}

// scribble damages every file below dir.
func scribble(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(path, make([]byte, info.Size()), 0o644)
	}))
}

// A folder with something else in it is not emptied.
func TestFolderThatIsNoCache(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "segments"), 0o755))
	if _, err := Open(Options{Remote: newRemote(), Identity: "x", Dir: dir, Size: MinSize}); err == nil {
		t.Fatal("a data folder is taken for a cache")
	}
	if _, err := os.Stat(filepath.Join(dir, "segments")); err != nil {
		t.Error(err)
	}
}

// Reads go past a disk that fails, and the cache is made anew.
func TestDiskThatFails(t *testing.T) {
	_, n := startCached(t)
	n.local.fail(errors.New("the disk is gone"))
	for range 2 {
		n.fills.running.Wait() // one that is under way would be shared
		if !n.want(one) {
			t.Error("not from the remote")
		}
	}
	if n.CacheStats(t.Context()).Usable {
		t.Error("said to serve")
	}
	n.reset()
	n.cached(one)
}
