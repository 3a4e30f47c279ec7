package diskstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestSystemFiles shows of which file systems descriptors are read from: of the
// operating system's, and of none that may do more.
func TestSystemFiles(t *testing.T) {
	wrapped := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(errorfs.Op) error { return nil }))
	for _, test := range []struct {
		fs   vfs.FS
		want bool
	}{{nil, true}, {vfs.Default, true}, {wrapped, false}, {privateFS{wrapped}, false}} {
		s := mustOpen(t, onDisk(test.fs, t.TempDir()))
		if fd := s.segments.get(1).fd; fd >= 0 != test.want {
			t.Errorf("on %T the descriptor is %d", test.fs, fd)
		}
	}
	if vfs.Root(systemFS) != vfs.Default {
		t.Error("what is below the private file system does not show")
	}
}
