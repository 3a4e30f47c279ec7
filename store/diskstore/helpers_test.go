package diskstore

import (
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// long makes the random tests run long: for a machine that has an hour.
var long = os.Getenv("TORRENTCACHE_TEST_LONG") != ""

// rounds returns n, many times n where tests may run long, or a quarter of it where they
// are slow.
func rounds(n int) int {
	switch {
	case long:
		return 50 * n
	case raced:
		return max(n/4, 1)
	}
	return n
}

// onDisk returns options for a store on fs with small segments and no noise, which nothing compacts
// but the test: the background would do it after firstLook, which a slow test reaches.
func onDisk(fs vfs.FS, dir string) Options {
	return Options{Dir: dir, FS: fs, Logger: slog.New(slog.DiscardHandler), SegmentSize: 64 << 10, CacheSize: 1 << 20, CompactionRate: -1}
}

// mustOpen opens a store and closes it when the test ends.
func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, s) })
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustPut puts one item and fails unless it has the outcome want.
func mustPut(t testing.TB, s store.Store, item store.Item, want store.Outcome) {
	t.Helper()
	if r := s.Put(t.Context(), []store.Item{item})[0]; r.Err != nil || r.Outcome != want {
		t.Fatalf("Put = %+v, want outcome %d", r, want)
	}
}

// where returns the place of the torrent that has id.
func (s *Store) where(t testing.TB, id infohash.ID) format.Place {
	t.Helper()
	e, err := s.index.Get(id)
	if err != nil || e == nil {
		t.Fatalf("no entry of %v: %v", id, err)
	}
	return e.At
}

// flip changes the lowest bit of the byte at an offset of a file.
func flip(t testing.TB, fs vfs.FS, name string, offset int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name, files.WriteCategory)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// fileOf returns the name of a segment's file.
func fileOf(o Options, segment uint64) string {
	return o.FS.PathJoin(o.Dir, files.SegmentsDir, format.SegmentName(segment))
}

// fixedClock returns a clock that stands still.
func fixedClock() time.Time { return time.Unix(1_700_000_000, 0) }

func readFile(t testing.TB, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, files.WriteCategory)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}
