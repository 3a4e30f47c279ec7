package index

import (
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestOpenOnDiskThatFailsLate has the folder unreadable once Pebble's Open has written its options. Open
// must not fail any more: it would close the files that a compaction reads, which ends the process.
func TestOpenOnDiskThatFailsLate(t *testing.T) {
	disk := &failsLate{FS: vfs.NewMem()}
	if err := disk.MkdirAll("/store", 0o700); err != nil {
		t.Fatal(err)
	}
	x, err := Open(Options{FS: disk, Dir: "/store", Logger: slog.New(slog.DiscardHandler), CacheSize: 1 << 20}, false)
	if err != nil {
		t.Fatal(err)
	}
	if disk.failed.Load() == 0 {
		t.Error("Open did not list the folder at its end: the disk failed too late for this test")
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}

// failsLate is a disk that lists no folder after a file was renamed.
type failsLate struct {
	vfs.FS
	renamed atomic.Bool
	failed  atomic.Int64 // times
}

func (d *failsLate) Rename(from, to string) error {
	d.renamed.Store(true)
	return d.FS.Rename(from, to)
}

func (d *failsLate) List(dir string) ([]string, error) {
	if d.renamed.Load() {
		d.failed.Add(1)
		return nil, syscall.EIO
	}
	return d.FS.List(dir)
}
