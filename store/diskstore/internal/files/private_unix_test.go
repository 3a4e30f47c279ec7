//go:build unix

package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// anyMode lets files be made with any mode until the test ends. It is so in the whole process.
func anyMode(t *testing.T) {
	t.Helper()
	before := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(before) })
}

// wantFile fails unless a file has this content and this mode.
func wantFile(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || string(b) != content || info.Mode() != mode {
		t.Errorf("%s is %v and has %q, %v; want %v and %q", name, info.Mode(), b, err, mode, content)
	}
}

// create makes a file that holds content.
func create(t *testing.T, on vfs.FS, name, content string) {
	t.Helper()
	f, err := on.Create(name, WriteCategory)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
}

// TestPrivateCreate takes a name that is taken: the other names of the old file keep it.
func TestPrivateCreate(t *testing.T) {
	anyMode(t)
	dir := t.TempDir()
	name, other := filepath.Join(dir, "name"), filepath.Join(dir, "other")
	create(t, vfs.Default, name, "old")
	if err := System().Link(name, other); err != nil {
		t.Fatal(err)
	}
	create(t, System(), name, "new")
	wantFile(t, name, "new", 0o600)
	wantFile(t, other, "old", 0o666)
}

// TestPrivateLink refuses to make the file to which a link leads, which would not be private.
func TestPrivateLink(t *testing.T) {
	dir := t.TempDir()
	link, to := filepath.Join(dir, "link"), filepath.Join(dir, "to")
	if err := os.Symlink(to, link); err != nil {
		t.Fatal(err)
	}
	if f, err := System().OpenReadWrite(link, WriteCategory); err == nil {
		t.Errorf("it was opened: %v", f.Close())
	}
	if lock, err := System().Lock(link); err == nil {
		t.Errorf("it was locked: %v", lock.Close())
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("the file was made")
	}
}
