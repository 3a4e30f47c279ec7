package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

const maxSize = 100_000

// found holds everything that a walk told.
type found struct {
	content  map[string]string // by name, "error: ..." for files that cannot be loaded
	problems []string
	skipped  []string
	consumed int64
	keys     map[Key]string
}

func walkAll(t *testing.T, paths ...string) found {
	t.Helper()
	f := found{content: map[string]string{}, keys: map[Key]string{}}
	o := Options{
		MaxSize:  maxSize,
		Problem:  func(name string, err error) { f.problems = append(f.problems, name+": "+err.Error()) },
		Skipped:  func(name string) { f.skipped = append(f.skipped, name) },
		Consumed: func(n int64) { f.consumed += n },
	}
	for file := range Walk(context.Background(), slices.Values(paths), o) {
		b, err := file.Load()
		again, _ := file.Load()
		if !bytes.Equal(b, again) {
			t.Errorf("%s: the second load gives something else", file.Name)
		}
		if other, taken := f.keys[file.Key]; taken {
			t.Errorf("%s and %s have one key", file.Name, other)
		}
		f.keys[file.Key] = file.Name
		f.content[file.Name] = string(b)
		if err != nil {
			f.content[file.Name] = "error: " + err.Error()
		}
	}
	slices.Sort(f.skipped)
	return f
}

func sortedKeys(f found) []Key {
	return slices.SortedFunc(maps.Keys(f.keys), func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
}

// member is a file of an archive.
type member struct{ name, content string }

func torrentOf(name string) string { return string(torrenttest.V1(name)) }

func tarOf(members ...member) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: "a folder/", Typeflag: tar.TypeDir, Mode: 0o755})
	for _, m := range members {
		w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644, Typeflag: tar.TypeReg})
		io.WriteString(w, m.content)
	}
	w.Close()
	return out.Bytes()
}

func zipOf(method uint16, members ...member) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, m := range members {
		f, _ := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: method})
		io.WriteString(f, m.content)
	}
	w.Close()
	return out.Bytes()
}

func gzipOf(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func xzOf(t *testing.T, b []byte) []byte {
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstdOf(t *testing.T, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

// bzip2OfPlain is what `bzip2 -9` made of the plain archive in TestWalkOfArchives;
// Go's library only reads bzip2.
func bzip2OfPlain(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "plain.tar.bz2"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
