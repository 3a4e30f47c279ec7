package source

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWalkOfAFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.torrent", []byte(torrentOf("a")))
	write(t, dir, "sub/deeper/B.TORRENT", []byte(torrentOf("b")))
	write(t, dir, "sub/zipped.torrent.gz", gzipOf([]byte(torrentOf("c"))))
	write(t, dir, "data/C12FE1C06BBA254A9DC9F519B335AA7C1367A88A", []byte(torrentOf("d")))
	write(t, dir, "data/download.php", gzipOf([]byte(torrentOf("e"))))
	write(t, dir, "broken.torrent", []byte("what?"))
	for _, name := range []string{"._a.torrent", "README.txt", "x.torrent.part", "Thumbs.db", "photo.gz", "a.torrent~"} {
		write(t, dir, name, []byte("litter and others"))
	}
	write(t, dir, "__MACOSX/a.torrent", []byte(torrentOf("litter")))
	if err := os.Symlink(filepath.Join(dir, "a.torrent"), filepath.Join(dir, "link.torrent")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "sub", "circle")); err != nil {
		t.Fatal(err)
	}
	got := walkAll(t, dir)
	at := func(name string) string { return filepath.Join(dir, name) }
	want := map[string]string{
		at("a.torrent"):                                     torrentOf("a"),
		at("link.torrent"):                                  torrentOf("a"),
		at("sub/deeper/B.TORRENT"):                          torrentOf("b"),
		at("sub/zipped.torrent.gz"):                         string(gzipOf([]byte(torrentOf("c")))),
		at("data/C12FE1C06BBA254A9DC9F519B335AA7C1367A88A"): torrentOf("d"),
		at("data/download.php"):                             string(gzipOf([]byte(torrentOf("e")))),
		at("broken.torrent"):                                "what?",
	}
	if diff := cmp.Diff(want, got.content); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.problems) > 0 || len(got.skipped) != 6 {
		t.Errorf("problems %q, skipped %q", got.problems, got.skipped)
	}
	if measured := Measure(context.Background(), slices.Values([]string{dir})); measured != got.consumed || measured == 0 {
		t.Errorf("measured %d bytes, consumed %d", measured, got.consumed)
	}
}

func TestWalkOfArchives(t *testing.T) {
	members := []member{
		{"one.torrent", torrentOf("one")},
		{"sub/two.torrent", torrentOf("two")},
		{"sub/._two.torrent", "litter"},
		{"__MACOSX/x.torrent", "litter"},
		{"unnamed", torrentOf("three")},
		{"zipped.torrent", string(gzipOf([]byte(torrentOf("four"))))},
		{"read me.txt", "what this is"},
		{"empty.torrent", ""},
		{strings.Repeat("long/", 60) + "five.torrent", torrentOf("five")},
		{"inner.tar.gz", string(gzipOf(tarOf(member{"x.torrent", "x"})))},
	}
	plain := tarOf(members...)
	for name, archive := range map[string][]byte{
		"plain.tar":    plain,
		"a.tar.gz":     gzipOf(plain),
		"a.tar.bz2":    bzip2OfPlain(t),
		"a.tar.xz":     xzOf(t, plain),
		"a.tar.zst":    zstdOf(t, plain),
		"misnamed.tgz": plain,
		"no extension": gzipOf(plain),
		"deflated.zip": zipOf(zip.Deflate, members...),
		"stored.zip":   zipOf(zip.Store, members...),
		"padded.zip":   append(zipOf(zip.Deflate, members...), 0, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, t.TempDir(), name, archive)
			got := walkAll(t, path)
			want := map[string]string{}
			for _, i := range []int{0, 1, 4, 5, 7, 8} {
				want[path+": "+members[i].name] = members[i].content
			}
			if diff := cmp.Diff(want, got.content); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(got.problems) != 1 || !strings.Contains(got.problems[0], "inner.tar.gz") || len(got.skipped) != 3 {
				t.Errorf("problems %q, skipped %q", got.problems, got.skipped)
			}
			if got.consumed != int64(len(archive)) {
				t.Errorf("consumed %d of %d bytes", got.consumed, len(archive))
			}
		})
	}
}

// Files and members that cannot be read are told, and the walk goes on.
func TestWalkOfWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	good := member{"good.torrent", torrentOf("good")}
	whole := tarOf(good, member{"cut.torrent", torrentOf("cut")})
	bad := zipOf(zip.Store, good, member{"flipped.torrent", torrentOf("flipped")})
	at := strings.Index(string(bad), torrentOf("flipped"))
	bad[at+50] ^= 1
	paths := []string{
		filepath.Join(dir, "absent.torrent"),
		write(t, dir, "cut.tar", whole[:2000]),
		write(t, dir, "cut.tar.gz", gzipOf(whole)[:300]),
		write(t, dir, "no.tar", []byte("not an archive")),
		write(t, dir, "flipped.zip", bad),
		write(t, dir, "cut.zip", bad[:len(bad)-40]),
		write(t, dir, "last.torrent", []byte(torrentOf("last"))),
	}
	got := walkAll(t, paths...)
	failed := 0
	for _, content := range got.content {
		if strings.HasPrefix(content, "error: ") {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d members cannot be loaded, want cut.torrent and flipped.torrent of the two archives: %v", failed, got.content)
	}
	if got.content[paths[1]+": good.torrent"] != good.content || got.content[paths[6]] != torrentOf("last") {
		t.Error("what can be read was not")
	}
	for i, name := range []string{"absent.torrent", "cut.tar: ", "cut.tar.gz", "no.tar", "cut.zip"} {
		if i >= len(got.problems) || !strings.Contains(got.problems[i], name) {
			t.Errorf("problems %q, want one about %s as number %d", got.problems, name, i)
		}
	}
}

func TestWalkTakesWhatIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"x1.bin", "x2.bin", "other"} {
		write(t, dir, name, []byte("not a torrent: "+name))
	}
	got := walkAll(t, filepath.Join(dir, "x?.bin"), filepath.Join(dir, "other"))
	if len(got.content) != 3 || len(got.problems) > 0 {
		t.Errorf("%v, %q", got.content, got.problems)
	}
	if got := walkAll(t, filepath.Join(dir, "y*")); len(got.problems) != 1 {
		t.Errorf("a pattern that matches nothing: problems %q", got.problems)
	}
}

func TestContentsAreReadNoFurtherThanTheLimit(t *testing.T) {
	dir := t.TempDir()
	large := "d4:" + strings.Repeat("x", 3*maxSize)
	write(t, dir, "large.torrent", []byte(large))
	write(t, dir, "large.tar", tarOf(member{"m.torrent", large}))
	write(t, dir, "large.tgz", gzipOf(tarOf(member{"m.torrent", large}, member{"unnamed", large})))
	write(t, dir, "large.zip", zipOf(zip.Deflate, member{"m.torrent", large}))
	got := walkAll(t, dir)
	if len(got.content) != 5 {
		t.Errorf("%d files", len(got.content))
	}
	for name, content := range got.content {
		if len(content) != maxSize+1 {
			t.Errorf("%s: %d bytes, want %d", name, len(content), maxSize+1)
		}
	}
}

func TestKeysStayUnlessTheFileChanges(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "a.torrent", []byte(torrentOf("a")))
	archive := write(t, dir, "b.tar", tarOf(member{"x.torrent", torrentOf("x")}, member{"x.torrent", torrentOf("y")}))
	first := walkAll(t, file, archive)
	if diff := cmp.Diff(first.keys, walkAll(t, file, archive).keys); diff != "" || len(first.keys) != 3 {
		t.Errorf("%d keys, and then:\n%s", len(first.keys), diff)
	}
	write(t, dir, "a.torrent", []byte(torrentOf("another")))
	write(t, dir, "b.tar", tarOf(member{"x.torrent", torrentOf("x2")}))
	for key := range walkAll(t, file, archive).keys {
		if name, same := first.keys[key]; same {
			t.Errorf("%s has its old key", name)
		}
	}
}

func TestAFileHasOneKeyHoweverItIsNamed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/a.torrent", []byte(torrentOf("a")))
	write(t, dir, "sub/b.tar", tarOf(member{"b.torrent", torrentOf("b")}))
	want := sortedKeys(walkAll(t, dir))
	t.Chdir(dir)
	for _, paths := range [][]string{
		{"."}, {"sub"}, {"./sub/"}, {"sub/a.torrent", "sub/b.tar"}, {"sub/*"}, {filepath.Join("..", filepath.Base(dir))},
	} {
		if got := sortedKeys(walkAll(t, paths...)); !slices.Equal(got, want) {
			t.Errorf("%q: keys %x, want %x", paths, got, want)
		}
	}
}

func TestWalkEndsWhenNothingMoreIsWanted(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		write(t, dir, name+".torrent", []byte(torrentOf(name)))
	}
	n := 0
	for range Walk(context.Background(), slices.Values([]string{dir, dir}), Options{MaxSize: maxSize}) {
		n++
		break
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range Walk(ctx, slices.Values([]string{dir, dir}), Options{MaxSize: maxSize}) {
		n++
		cancel()
	}
	if n != 2 {
		t.Errorf("%d files, want one of each walk", n)
	}
}
