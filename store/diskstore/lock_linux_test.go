package diskstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
)

// powerless runs f in a thread whose user has the permissions that files give him and
// no others, also if he is root.
func powerless(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never let go: the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		err := unix.Capset(&header, &none[0])
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestLockNotPermitted takes locks that nobody has, without permission to.
func TestLockNotPermitted(t *testing.T) {
	for name, forbid := range map[string]func(dir string) error{
		"the file": func(dir string) error { return os.Chmod(filepath.Join(dir, files.LockName), 0o400) },
		"its folder": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, files.LockName)), os.Chmod(dir, 0o500))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mustClose(t, mustOpen(t, onDisk(nil, dir)))
			if err := forbid(dir); err != nil {
				t.Fatal(err)
			}
			powerless(t, func() {
				_, err := Open(onDisk(nil, dir))
				if !errors.Is(err, ErrNoLock) || !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrLocked) {
					t.Errorf("Open = %v, want that permission is missing", err)
				}
			})
			if err := os.Chmod(dir, 0o700); err != nil { // so that it can be cleared away
				t.Fatal(err)
			}
		})
	}
}
