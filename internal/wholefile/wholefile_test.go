package wholefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/torrentcache/torrentcache/internal/wholefile"
)

// A file is made and replaced. A write that fails leaves it as it was, and no other file beside it.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	failure := errors.New("no")
	for _, c := range []struct {
		text, want string
		finish     error
	}{
		{"first", "first", nil},
		{"second", "second", nil},
		{"third", "second", failure},
	} {
		err := wholefile.Write(name, []byte(c.text), func(f *os.File) error { return errors.Join(f.Chmod(0o640), c.finish) })
		if !errors.Is(err, c.finish) {
			t.Errorf("%s: %v", c.text, err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: the file has %q, %v; want %q", c.text, got, err, c.want)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v is beside it, %v", files, err)
	}
	if err := wholefile.Write(filepath.Join(dir, "absent", "file"), nil, (*os.File).Sync); err == nil {
		t.Error("a file was written to a folder that is not there")
	}
}
