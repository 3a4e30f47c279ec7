package diskstore

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// TestForeignFiles opens folders that somebody else keeps files in: nothing is made there.
func TestForeignFiles(t *testing.T) {
	for _, test := range []struct {
		files, folders []string
		want           string // in brackets; empty if the folder is taken
	}{
		{nil, []string{"lost+found", "segments.old"}, ""},
		{[]string{".DS_Store", ".nfs0000000000000001", "reserve"}, []string{".Trash"}, ""},
		{[]string{"b", ".c", "a"}, []string{"d"}, "a, b"},
		{[]string{"g", "f", "e", "d", "c", "b", "a"}, nil, "a, b, c and 4 more"},
		{[]string{"two\nlines"}, nil, `"two\nlines"`},
		{[]string{files.SegmentsDir}, nil, files.SegmentsDir},
		{[]string{"LOCK.txt"}, nil, "LOCK.txt"},
	} {
		dir := t.TempDir()
		for _, name := range test.files {
			writeFile(t, vfs.Default, filepath.Join(dir, name), nil)
		}
		for _, name := range test.folders {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if test.want == "" {
			mustOpen(t, onDisk(nil, dir))
			continue
		}
		_, err := Open(onDisk(nil, dir))
		wantForeign(t, err, dir, test.want)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != len(test.files)+len(test.folders) {
			t.Errorf("the folder has %v, %v", entries, err)
		}
	}
}

func wantForeign(t *testing.T, err error, dir, files string) {
	t.Helper()
	want := "opening the store in " + dir + ": it holds files that torrentcache did not make (" + files +
		"): choose an empty folder, or one that torrentcache made"
	if err == nil || err.Error() != want {
		t.Errorf("Open = %v, want %s", err, want)
	}
}

// TestForeignLinks passes over links that lead to no file.
func TestForeignLinks(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{"nowhere": filepath.Join(dir, "none"), "folder": t.TempDir()} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, mustOpen(t, onDisk(nil, dir)))
	if err := os.Symlink(filepath.Join(dir, files.LockName), filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(onDisk(nil, dir))
	wantForeign(t, err, dir, "file")
}

// TestOurFiles has every file in the folder that a store, its backup or its end leaves.
func TestOurFiles(t *testing.T) {
	memory := vfs.NewMem()
	s := mustOpen(t, onDisk(memory, "/store"))
	mustPut(t, s, faultTorrent(1), store.Created)
	if err := s.Backup(t.Context(), "/backup", nil); err != nil {
		t.Fatal(err)
	}
	if err := index.Condemn(memory, "/store"); err != nil {
		t.Fatal(err)
	}
	if err := files.MakeNote(memory, "/backup", files.UnfinishedName); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	var found []string
	for _, dir := range []string{"/store", "/backup"} {
		if err := files.CheckFolder(memory, dir); err != nil {
			t.Error(err)
		}
		names, err := memory.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, names...)
	}
	for _, name := range files.Ours {
		if name != "reserve" && !slices.Contains(found, name) {
			t.Errorf("there is no %s among %v: is it still ours?", name, found)
		}
	}
}
