package files

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
	}{{vfs.Default, true}, {System(), true}, {wrapped, false}, {Private(wrapped), false}} {
		if got := IsSystem(test.fs); got != test.want {
			t.Errorf("IsSystem of %T: %v", test.fs, got)
		}
	}
	if vfs.Root(System()) != vfs.Default {
		t.Error("what is below the private file system does not show")
	}
}
