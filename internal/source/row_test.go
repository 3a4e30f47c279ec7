package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Archives one behind the other are read to the last.
func TestArchivesInARow(t *testing.T) {
	one := tarOf(member{"1.torrent", torrentOf("one")}, member{"2.torrent", torrentOf("two")})
	two := tarOf(member{"3.torrent", torrentOf("three")})
	zipped := func(name string) []byte { return zipOf(zip.Deflate, member{name, torrentOf(name)}) }
	zeros := make([]byte, 70_000)
	for name, c := range map[string]struct {
		archive []byte
		want    int
	}{
		"tars.tar":                   {slices.Concat(one, two), 3},
		"padded tars.tar":            {slices.Concat(one, zeros, two, zeros), 3},
		"tars in one gzip.tgz":       {gzipOf(slices.Concat(one, zeros, two)), 3},
		"compressed tars.tgz":        {slices.Concat(gzipOf(one), gzipOf(two)), 3},
		"compressed and padded.tgz":  {slices.Concat(gzipOf(one), zeros), 2},
		"compressed tars.tar.xz":     {slices.Concat(xzOf(t, one), xzOf(t, two)), 3},
		"compressed tars.tar.zst":    {slices.Concat(zstdOf(t, one), zstdOf(t, two)), 3},
		"zips.zip":                   {slices.Concat(zipped("a.torrent"), zipped("b.torrent"), zipped("c.torrent")), 3},
		"an end without zeros.tar":   {bytes.TrimRight(one, "\x00"), 2},
		"nothing but zeros.tar":      {zeros, 0},
		"a tar without members.tgz":  {gzipOf(zeros), 0},
		"zips with zeros behind.zip": {slices.Concat(zipped("a.torrent"), []byte{0}, zipped("b.torrent"), []byte{0}), 2},
	} {
		t.Run(name, func(t *testing.T) {
			got := walkAll(t, write(t, t.TempDir(), name, c.archive))
			if len(got.content) != c.want || len(got.keys) != c.want || len(got.problems) > 0 {
				t.Errorf("%d members with %d keys, want %d; problems %q", len(got.content), len(got.keys), c.want, got.problems)
			}
			if got.consumed != int64(len(c.archive)) {
				t.Errorf("consumed %d of %d bytes", got.consumed, len(c.archive))
			}
		})
	}
}

// Bytes that follow an end and cannot be read are told, and the members before them are taken.
func TestWhatFollowsAnEnd(t *testing.T) {
	one := tarOf(member{"1.torrent", torrentOf("one")})
	zipped := zipOf(zip.Deflate, member{"1.torrent", torrentOf("one")})
	junk := []byte("junk")
	for name, archive := range map[string][]byte{
		"tar and junk.tar":              slices.Concat(one, junk),
		"tar and much junk.tar":         slices.Concat(one, bytes.Repeat(junk, 1000)),
		"tar and compressed tar.tar":    slices.Concat(one, gzipOf(one)),
		"compressed tar and tar.tgz":    slices.Concat(gzipOf(one), one),
		"compressed tar and a byte.tgz": slices.Concat(gzipOf(one), junk[:1]),
		"tar and junk in one gzip.tgz":  gzipOf(slices.Concat(one, junk)),
		"tar and zip.tar":               slices.Concat(one, zipped),
		"zip and junk.zip":              slices.Concat(zipped, junk),
		"zip and tar.zip":               slices.Concat(zipped, one),
		"half a zip and a zip.zip":      slices.Concat(zipped[:100], zipped),
		"zip, junk and zip.zip":         slices.Concat(zipped, junk, zipped),
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), name, archive)
			got := walkAll(t, path)
			if got.content[path+": 1.torrent"] != torrentOf("one") {
				t.Error("the torrent was not found")
			}
			if len(got.problems) != 1 || !strings.Contains(got.problems[0], name) {
				t.Errorf("problems %q", got.problems)
			}
		})
	}
}

func TestSparseMembers(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "sparse-*.tar.gz"))
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	want := "d4:zero40000:" + strings.Repeat("\x00", 40_000) + "e"
	for _, compressed := range files {
		packed, err := os.ReadFile(compressed)
		if err != nil {
			t.Fatal(err)
		}
		r, err := openGzip(bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		plain := write(t, t.TempDir(), "plain.tar", unpacked)
		got := walkAll(t, plain, compressed)
		for _, archive := range []string{plain, compressed} {
			if got.content[archive+": sparse.torrent"] != want || len(got.problems) > 0 {
				t.Errorf("%s: not what was packed; problems %q", archive, got.problems)
			}
		}
	}
}

// No entry with content is passed over without a word.
func TestUnusualEntries(t *testing.T) {
	torrent := torrentOf("x")
	entries := []struct {
		header tar.Header
		told   string // what the problem says, empty if there is none
	}{
		{tar.Header{Name: "contiguous.torrent", Typeflag: tar.TypeCont, Size: int64(len(torrent))}, ""},
		{tar.Header{Name: "unknown.torrent", Typeflag: 'Q', Size: int64(len(torrent))}, ""},
		{tar.Header{Name: "rest.torrent", Typeflag: gnuMultiVolume, Size: int64(len(torrent))}, "another volume"},
		{tar.Header{Name: "dir/", Typeflag: tar.TypeDir}, ""},
		{tar.Header{Name: "hard.torrent", Typeflag: tar.TypeLink, Linkname: "unknown.torrent"}, ""},
		{tar.Header{Name: "to litter.torrent", Typeflag: tar.TypeLink, Linkname: "x.part"}, "link to"},
		{tar.Header{Name: "a/soft.torrent", Typeflag: tar.TypeSymlink, Linkname: "../unknown.torrent"}, ""},
		{tar.Header{Name: "a/outside.torrent", Typeflag: tar.TypeSymlink, Linkname: "../../x"}, "link to"},
		{tar.Header{Name: "absolute.torrent", Typeflag: tar.TypeSymlink, Linkname: "/x.torrent"}, "link to"},
		{tar.Header{Name: "absolute.txt", Typeflag: tar.TypeSymlink, Linkname: "/x.torrent"}, ""},
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	told := 0
	for _, e := range entries {
		if err := w.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		if e.header.Size > 0 {
			io.WriteString(w, torrent)
		}
		if e.told != "" {
			told++
		}
	}
	w.Close()
	got := walkAll(t, write(t, t.TempDir(), "a.tar", out.Bytes()))
	if len(got.content) != 2 || len(got.problems) != told {
		t.Errorf("%d members, problems %q", len(got.content), got.problems)
	}
	for _, e := range entries {
		about := func(problem string) bool {
			return strings.Contains(problem, e.header.Name) && strings.Contains(problem, e.told)
		}
		if e.told != "" && !slices.ContainsFunc(got.problems, about) {
			t.Errorf("no problem of %s that says %q in %q", e.header.Name, e.told, got.problems)
		}
	}
}

// Archives in an archive are told even if their names do not say so, and archives that
// cannot be opened as well.
func TestArchivesThatAreNotOpened(t *testing.T) {
	inner := tarOf(member{"x.torrent", torrentOf("x")})
	dir := t.TempDir()
	write(t, dir, "a.tar", tarOf(member{"backup", string(inner)}, member{"b.rar", "Rar!"}))
	write(t, dir, "a.zip", zipOf(zip.Deflate, member{"backup", string(zipOf(zip.Store))}))
	write(t, dir, "c.7z", []byte("7z\xbc\xaf"))
	got := walkAll(t, dir)
	if len(got.problems) != 4 || len(got.content) > 0 || len(got.skipped) > 0 {
		t.Errorf("problems %q, %d members, skipped %q", got.problems, len(got.content), got.skipped)
	}
}

func TestTarOfAStream(t *testing.T) {
	one := tarOf(member{"1.torrent", torrentOf("one")}, member{"._litter", "every member is wanted"})
	two := tarOf(member{"2", torrentOf("two")})
	for name, c := range map[string]struct {
		stream   []byte
		want     int
		problems int
	}{
		"tars in a row": {slices.Concat(one, two), 3, 0},
		"compressed":    {gzipOf(slices.Concat(one, two)), 3, 0},
		"junk behind":   {slices.Concat(one, []byte("junk")), 2, 1},
		"cut short":     {one[:2000], 1, 1},
		"empty":         {nil, 0, 1},
		"empty gzip":    {gzipOf(nil), 0, 1},
		"no tar":        {[]byte("no tar"), 0, 1},
		"no members":    {make([]byte, 1024), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var consumed int64
			var problems []string
			n := 0
			o := Options{MaxSize: maxSize, Consumed: func(b int64) { consumed += b },
				Problem: func(name string, err error) { problems = append(problems, name+": "+err.Error()) }}
			for file := range Tar(context.Background(), bytes.NewReader(c.stream), o) {
				if _, err := file.Load(); err == nil {
					n++
				}
			}
			if n != c.want || len(problems) != c.problems || consumed > int64(len(c.stream)) {
				t.Errorf("%d members, %d bytes consumed, problems %q", n, consumed, problems)
			}
		})
	}
}
