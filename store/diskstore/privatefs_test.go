package diskstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestIsSystem shows which file systems are the operating system's alone, and which may do more.
func TestIsSystem(t *testing.T) {
	wrapped := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(errorfs.Op) error { return nil }))
	for _, test := range []struct {
		fs   vfs.FS
		want bool
	}{{vfs.Default, true}, {systemFS, true}, {wrapped, false}, {privateFS{wrapped}, false}} {
		if got := isSystem(test.fs); got != test.want {
			t.Errorf("isSystem of %T: %v", test.fs, got)
		}
	}
	if vfs.Root(systemFS) != vfs.Default {
		t.Error("what is below the private file system does not show")
	}
}
