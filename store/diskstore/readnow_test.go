package diskstore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// whole is a file of n random bytes, open for reading.
func whole(t *testing.T, n int) (*os.File, []byte) {
	t.Helper()
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, content
}

// What is read at once stands there; what cannot be read is nothing.
func TestReadNow(t *testing.T) {
	f, content := whole(t, 100_000)
	b := make([]byte, 20_000)
	for _, offset := range []int64{0, 1, 79_999, 80_000, 90_001, 99_999, 100_000, 1 << 40} {
		n := readNow(int(f.Fd()), b, offset)
		if n > 0 && !bytes.Equal(b[:n], content[offset:][:n]) {
			t.Errorf("%d bytes at %d are others than those of the file", n, offset)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for name, fd := range map[string]int{"pipe": int(r.Fd()), "closed": 1 << 30} {
		if n := readNow(fd, b, 0); n != 0 {
			t.Errorf("%s: read %d bytes", name, n)
		}
	}
}

// However much of a record the page cache has, or if it cannot be asked, all of it is
// read, and what the file lacks is missed.
func TestSegmentRead(t *testing.T) {
	f, content := whole(t, nowLimit+100_000)
	file, err := vfs.Default.Open(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	for name, fd := range map[string]int{"cached": int(file.Fd()), "none": -1, "no answer": int(pipe.Fd())} {
		s := &segment{file: file, fd: fd}
		for _, size := range []int{1, 30_000, nowLimit, nowLimit + 1} {
			b := make([]byte, size)
			if err := s.read(b, 50_000); err != nil || !bytes.Equal(b, content[50_000:][:size]) {
				t.Errorf("%s: %d bytes: %v, or others than those of the file", name, size, err)
			}
			if err := s.read(b, int64(len(content)-size+1)); !errors.Is(err, errBadRecord) {
				t.Errorf("%s: %d bytes up to one too far: %v", name, size, err)
			}
		}
	}
}

// A torrent that the page cache has lost comes from the disk.
func TestGetFromDisk(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.Default, t.TempDir()))
	item := storetest.Torrent(storetest.Hybrid, 1, 100_000, 0)
	mustPut(t, s, item, store.Created)
	at := s.where(t, item.IDs.V1)
	dropCache(t, fileOf(s.options, at.segment))
	serves(t, s, item)
	serves(t, s, item)
}
