package diskstore

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the content of a disk: the bytes of files, and nil for folders, by their paths.
type disk map[string][]byte

// snapshot returns the content of fs.
func snapshot(t *testing.T, fs vfs.FS) disk {
	t.Helper()
	d := disk{}
	d.read(t, fs, "/")
	return d
}

func (d disk) read(t *testing.T, fs vfs.FS, dir string) {
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := fs.PathJoin(dir, name)
		info, err := fs.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			d[path] = nil
			d.read(t, fs, path)
		} else {
			d[path] = append([]byte{}, readFile(t, fs, path)...)
		}
	}
}

// mount returns a file system with the content of d.
func (d disk) mount(t *testing.T) vfs.FS {
	t.Helper()
	fs := vfs.NewMem()
	for _, path := range slices.Sorted(maps.Keys(d)) { // a folder comes before its content
		if d[path] != nil {
			// With the race detector MemFS changes the bytes that it is given to write.
			writeFile(t, fs, path, slices.Clone(d[path]))
		} else if err := fs.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

// sum returns a hash over all of d.
func (d disk) sum() string {
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(d)) {
		fmt.Fprintf(sum, "%s %d\n", path, len(d[path]))
		sum.Write(d[path])
	}
	return string(sum.Sum(nil))
}

// diskBlock is the size of a block that a disk writes as a whole, in bytes.
const diskBlock = 4096

// part is a thing that a power cut takes or leaves as a whole: a block of a file, or,
// with offset -1, that a folder has a name, or has it no more.
type part struct {
	path   string
	offset int
}

// unsynced returns the parts in which d differs from the synced disk, in order.
func (d disk) unsynced(synced disk) (parts []part) {
	all := maps.Clone(d)
	maps.Copy(all, synced)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		is, there := d[path]
		was, wasThere := synced[path]
		if there != wasThere {
			parts = append(parts, part{path, -1})
		}
		for at := 0; there && at < max(len(is), len(was)); at += diskBlock {
			if !bytes.Equal(block(is, at), block(was, at)) {
				parts = append(parts, part{path, at})
			}
		}
	}
	return parts
}

// block returns the block of b at an offset, or the part of it that there is.
func block(b []byte, at int) []byte {
	return b[min(at, len(b)):min(at+diskBlock, len(b))]
}

// without returns d with one part as it is synced.
func (d disk) without(p part, synced disk) disk {
	left := maps.Clone(d)
	if p.offset >= 0 {
		left[p.path] = withoutBlock(d[p.path], synced[p.path], p.offset)
		return left
	}
	// A folder goes or stays with its content.
	below := func(path string, _ []byte) bool { return path == p.path || strings.HasPrefix(path, p.path+"/") }
	_, there := d[p.path]
	if there {
		maps.DeleteFunc(left, below)
		return left
	}
	for path, content := range synced {
		if below(path, content) {
			left[path] = content
		}
	}
	return left
}

// withoutBlock returns is with one block as in was; zeros where was ends before it and
// others follow.
func withoutBlock(is, was []byte, at int) []byte {
	left := slices.Clone(is)
	if end := min(at+diskBlock, len(was)); end > len(left) { // it was cut
		left = append(left, make([]byte, end-len(left))...)
	}
	clear(block(left, at))
	copy(left[at:], block(was, at))
	if at+diskBlock >= len(left) { // it is the last: the file ends where it ended
		left = left[:min(max(at, len(was)), len(left))]
	}
	return left
}
