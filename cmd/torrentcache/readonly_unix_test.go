//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// runAsReader makes dir read-only, and runs the program as a user who cannot write to it.
func runAsReader(t *testing.T, dir string, args ...string) finished {
	t.Helper()
	lockUp(t, dir)
	cmd := command(nil, args...)
	if os.Geteuid() == 0 { // root writes anywhere
		cmd.Path = publicCopy(t, binary)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return finished{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// publicCopy copies a program to where everybody may run it.
func publicCopy(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "torrentcache-public")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	code, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "torrentcache")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(name, code, 0o755)); err != nil {
		t.Fatal(err)
	}
	return name
}

// lockUp makes dir and everything in it readable by everybody and writable by nobody, until the
// test ends.
func lockUp(t *testing.T, dir string) {
	t.Helper()
	change := func(folder, file os.FileMode) {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				return os.Chmod(name, folder)
			}
			return os.Chmod(name, file)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// The folders of tests are their user's alone.
	for parent := filepath.Dir(dir); parent != filepath.Clean(os.TempDir()); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	change(0o555, 0o444)
	t.Cleanup(func() { change(0o755, 0o644) })
}

// content returns all files of a folder by their names.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Commands can read a folder that they cannot write to, such as a mounted backup.
func TestFolderThatCannotBeWritten(t *testing.T) {
	one, two := torrenttest.V1("one"), torrenttest.Hybrid("two")
	dir := makeFolder(t, one, two)
	wrong := infohash.V1([20]byte{1})
	changeFolder(t, dir, func(st *diskstore.Store) {
		putInFolder(t, st, infohash.Set{V1: wrong}, torrenttest.V1("three"))
	})
	before := content(t, dir)
	runAsReader(t, dir, "stats", "--data-dir", dir).want(t, 0, "torrents              3\n")
	got := runAsReader(t, dir, "verify", "--data-dir", dir)
	got.want(t, 1, "permission denied: damaged torrents will not be marked\n", "1 of 3 torrents are damaged")
	if got.stdout != wrong.String()+"\n" {
		t.Errorf("reported is %q", got.stdout)
	}
	runAsReader(t, dir, "verify", "--data-dir", dir, "--give-up").want(t, 1, "permission denied\n")
	got = runAsReader(t, dir, "export", "--data-dir", dir)
	got.want(t, 1, "1 of 3 torrents are damaged and not in the archive")
	if !strings.Contains(got.stdout, hashOf(t, one)+".torrent") || !strings.Contains(got.stdout, string(two)) {
		t.Error("the archive lacks torrents")
	}
	after := content(t, dir)
	for name, text := range before {
		if after[name] != text {
			t.Errorf("%s was changed", name)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files are there, want %d", len(after), len(before))
	}
}

// Commands that only read a backup leave it unchanged, though they could write to it.
func TestLookingWritesNothing(t *testing.T) {
	dir, backup := makeFolder(t, torrenttest.V1("one")), filepath.Join(t.TempDir(), "backup")
	operate(t, nil, "", "backup", "--data-dir", dir, backup).want(t, 0)
	before := content(t, backup)
	operate(t, nil, "", "stats", "--data-dir", backup).want(t, 0, "torrents              1\n")
	operate(t, nil, "", "export", "--data-dir", backup).want(t, 0)
	if after := content(t, backup); len(after) != len(before) {
		t.Errorf("%d files are there, want %d", len(after), len(before))
	}
}
