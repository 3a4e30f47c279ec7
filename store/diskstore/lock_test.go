package diskstore

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
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
	if err := os.Mkdir(filepath.Join(dir, lockName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(onDisk(nil, dir)); !errors.Is(err, ErrNoLock) || errors.Is(err, ErrLocked) {
		t.Errorf("Open = %v, want ErrNoLock", err)
	}
}

// TestLockErrors has the file system say what it may say of a lock, on this machine or
// on others.
func TestLockErrors(t *testing.T) {
	opening := func(errno syscall.Errno) error { return &fs.PathError{Op: "open", Path: "/store/LOCK", Err: errno} }
	for _, test := range []struct {
		says, want, not error
	}{
		{syscall.EAGAIN, ErrLocked, ErrNoLock},
		{heldErrno, ErrLocked, ErrNoLock},
		{opening(syscall.EACCES), ErrNoLock, ErrLocked},
		{opening(syscall.EPERM), ErrNoLock, ErrLocked},
		{opening(syscall.EROFS), ErrNoLock, ErrLocked},
		{opening(syscall.EMFILE), ErrNoLock, ErrLocked},
		{syscall.ENOLCK, ErrNoLock, ErrLocked},
		{errorfs.ErrInjected, ErrNoLock, ErrLocked},
	} {
		broken := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpLock {
				return test.says
			}
			return nil
		}))
		_, err := Open(onDisk(broken, "/store"))
		if !errors.Is(err, test.want) || errors.Is(err, test.not) || !errors.Is(err, test.says) || !strings.Contains(err.Error(), test.says.Error()) {
			t.Errorf("Open where the lock says %v = %v", test.says, err)
		}
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
