package files

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestFolderUnreadable fails the operations that the check of the folder needs.
func TestFolderUnreadable(t *testing.T) {
	memory := vfs.NewMem()
	if err := memory.MkdirAll("/store", 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := memory.Create("/store/file", WriteCategory)
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for _, kind := range []errorfs.OpKind{errorfs.OpList, errorfs.OpStat} {
		broken := errorfs.Wrap(memory, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == kind {
				return fs.ErrPermission
			}
			return nil
		}))
		if err := CheckFolder(broken, "/store"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("CheckFolder = %v", err)
		}
	}
}
