package diskstore

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// otherProcess has another process open the store in dir, and returns what it says: a
// line of its output if it has the store, which it keeps until it is ended, else its
// error.
func otherProcess(t *testing.T, dir string) (has bool, says string, end func()) {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), killDir+"="+dir)
	var failure strings.Builder
	writer.Stderr = &failure
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = writer.Process.Kill() // it may have ended by itself
		_ = writer.Wait()
	}
	lines := bufio.NewScanner(out)
	if lines.Scan() {
		return true, lines.Text(), end
	}
	end()
	return false, failure.String(), end
}

// TestLockedByAnother opens a store that another process has open.
func TestLockedByAnother(t *testing.T) {
	dir := t.TempDir()
	has, says, end := otherProcess(t, dir)
	if !has {
		t.Fatal(says)
	}
	for range 2 { // the first must not let go of the lock
		if _, err := Open(onDisk(nil, dir)); !errors.Is(err, ErrLocked) || errors.Is(err, ErrNoLock) {
			t.Errorf("Open = %v, want ErrLocked", err)
		}
	}
	end()
	mustOpen(t, onDisk(nil, dir))
}

// TestLockIsAFolder meets a lock that nobody has and nobody can take.
func TestLockIsAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, files.LockName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(onDisk(nil, dir)); !errors.Is(err, ErrNoLock) || errors.Is(err, ErrLocked) {
		t.Errorf("Open = %v, want ErrNoLock", err)
	}
}

// TestLockRace opens a new store from several goroutines at a time: one has it, and has
// it against other processes, too.
func TestLockRace(t *testing.T) {
	for range rounds(20) {
		dir := filepath.Join(t.TempDir(), "store")
		opened := make(chan *Store, 4)
		var opening sync.WaitGroup
		for range cap(opened) {
			opening.Go(func() {
				s, err := Open(onDisk(nil, dir))
				if err != nil && !errors.Is(err, ErrLocked) {
					t.Errorf("Open = %v", err)
				}
				if s != nil {
					opened <- s
				}
			})
		}
		opening.Wait()
		if len(opened) != 1 {
			t.Fatalf("%d have the store", len(opened))
		}
		if has, says, end := otherProcess(t, dir); has || !strings.Contains(says, ErrLocked.Error()) {
			end()
			t.Fatalf("another process has it, too (%v): %s", has, says)
		}
		s := <-opened
		mustPut(t, s, faultTorrent(1), store.Created)
		mustClose(t, s)
	}
}
