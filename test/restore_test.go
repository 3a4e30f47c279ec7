//go:build e2e

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestRestoreRecipe restores a backup by the recipe in docs/operations.md, with other folders and
// addresses. It restores into a missing folder and into an empty one. The recipe must refuse to
// overwrite a store.
func TestRestoreRecipe(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 50)
	removed := anyOf(torrents)
	mustCommand(t, "remove", "--admin", s.Admin, "--reason", "court order", removed)
	delete(torrents, removed)
	backup := filepath.Join(t.TempDir(), "backup")
	mustCommand(t, "backup", "--admin", s.Admin, backup)
	copying, dataDir := restoreRecipe(t, backup)

	for name, prepare := range map[string]func(dir string) error{
		"no folder":    func(string) error { return nil },
		"empty folder": func(dir string) error { return os.Mkdir(dir, 0o750) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "restored")
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			run(t, t.TempDir(), "sh", "-c", strings.ReplaceAll(copying, dataDir, dir))
			restored := startServerIn(t, dir)
			restored.wantTorrents(t, torrents)
			restored.wantRemoved(t, removed)
			mustCommand(t, "verify", "--admin", restored.Admin)
			restored.stopInOrder(t)
		})
	}
	t.Run("over a store", func(t *testing.T) {
		s.stopInOrder(t)
		out := run(t, t.TempDir(), "sh", "-c", "("+strings.ReplaceAll(copying, dataDir, s.DataDir)+") 2>&1 || true")
		if !strings.Contains(out, "not empty") {
			t.Errorf("the recipe says %q", out)
		}
		again := startServerIn(t, s.DataDir)
		again.wantTorrents(t, torrents)
		again.stopInOrder(t)
	})
}

// restoreRecipe returns the lines of the recipe that copy the backup, and the data folder that
// the recipe's last line serves.
func restoreRecipe(t *testing.T, backup string) (copying, dataDir string) {
	t.Helper()
	doc, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)To restore it.*?```sh\n(.*?) &&\ntorrentcache serve --data-dir (\\S+)\n```").FindStringSubmatch(string(doc))
	if block == nil || !strings.Contains(block[1], "cp -r /backup/2026-07-01 "+block[2]) {
		t.Fatalf("docs/operations.md has no recipe, or another: %q", block)
	}
	return strings.ReplaceAll(block[1], "/backup/2026-07-01", backup), block[2]
}
