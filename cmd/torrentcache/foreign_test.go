package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/torrentcache/torrentcache/internal/stores"
)

// Folders that cannot be opened are refused in one line that says why.
func TestFolderRefusals(t *testing.T) {
	foreign := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		writeFile(t, foreign, name, nil)
	}
	noLock := makeFolder(t)
	lock := filepath.Join(noLock, "LOCK")
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		foreign: "it holds files that torrentcache did not make (a, b, c and 4 more): choose an empty folder, or one that torrentcache made",
		noLock:  "opening the store in " + noLock + ": its lock cannot be taken: open " + lock + ": is a directory",
	} {
		_, err := stores.Open(stores.FolderOptions(dir, nil))
		if err == nil || err.Error() != "--data-dir "+dir+": "+want {
			t.Errorf("opening = %v, want %s", err, want)
		}
	}
}
