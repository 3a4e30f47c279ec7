package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/torrentcache/torrentcache/internal/push"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

func fieldNames(t *testing.T, object string) []string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(object), &fields); err != nil {
		t.Fatalf("%v in %s", err, object)
	}
	return slices.Collect(maps.Keys(fields))
}

func sameSet(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func tarGz(members map[string][]byte) []byte { return gzipped(tarOf(members)) }

func tarOf(members map[string][]byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range members {
		w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
		w.Write(content)
	}
	w.Close()
	return out.Bytes()
}

func privateTorrent() []byte {
	return torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Dict{
		"name": "private", "length": 10, "piece length": 1 << 15, "pieces": fmt.Sprintf("%020d", 1), "private": 1,
	}})
}

func TestPush(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	one, two, three, private := torrenttest.V1("one"), torrenttest.V2("two"), torrenttest.V1("three"), privateTorrent()
	writeFile(t, dir, "1.torrent", one)
	writeFile(t, dir, "2.torrent", gzipped(two))
	writeFile(t, dir, "p.torrent", private)
	writeFile(t, dir, "._1.torrent", []byte("litter"))
	writeFile(t, dir, "old.tar.gz", tarGz(map[string][]byte{"3.torrent": three, "again.torrent": one}))

	b.command(t, "", "push", "--dry-run", dir).want(t, 3, "3 missing", "1 private (skipped)", "0 B sent")
	b.holds(t)
	b.command(t, "", "push", dir).want(t, 0, "5 files", "3 new", "1 already cached", "1 private (skipped)", "1 no torrents (skipped)")
	b.holds(t, one, two, three)
	b.command(t, filepath.Join(dir, "p.torrent")+"\n", "push", "--include-private", "-").want(t, 0, "1 new")
	b.command(t, dir+"/old.tar.gz\x00"+dir+"/1.torrent\x00", "push", "-0", "-").want(t, 0, "3 already")
	b.holds(t, one, two, three, private)
}

func passkeyTorrent() []byte {
	return torrenttest.Bencode(torrenttest.Dict{"announce": "http://tracker.example/0a1b2c3d4e5f60718293a4b5c6d7e8f9/announce", "info": torrenttest.Dict{
		"name": "secret", "length": 10, "piece length": 1 << 15, "pieces": fmt.Sprintf("%020d", 2),
	}})
}

// A push leaves out a torrent with a passkey that is not marked private, and says so.
func TestPushLeavesOutPasskeys(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	writeFile(t, dir, "s.torrent", passkeyTorrent())
	report := filepath.Join(t.TempDir(), "report")
	b.command(t, "", "push", "--report", report, dir).want(t, 3, "1 with passkeys (left out)", "0 B sent", "1 of 1 files are not cached")
	lines, err := os.ReadFile(report)
	if err != nil || !strings.HasPrefix(string(lines), filepath.Join(dir, "s.torrent")+"\tTORRENT_REFUSED\tthe tracker address holds a passkey") {
		t.Errorf("the report says %q (%v)", lines, err)
	}
	b.holds(t)
	b.command(t, "", "push", "--json", dir).want(t, 3, `"status":"passkey"`, `"passkeys_skipped":1`)
	b.command(t, "", "push", "--include-passkeys", dir).want(t, 0, "1 new")
	b.holds(t, passkeyTorrent())
}

func TestPushOfWhatIsRefused(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	writeFile(t, dir, "good.torrent", torrenttest.V1("good"))
	writeFile(t, dir, "bad\n.torrent", []byte("bad"))
	report := filepath.Join(t.TempDir(), "report")
	absent := filepath.Join(dir, "absent")
	b.command(t, "", "push", "--report", report, dir, absent).want(t, 3, "1 new", "1 refused", "1 unreadable", "2 of 3 files are not cached")
	lines, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{filepath.Join(dir, "bad?.torrent") + "\tTORRENT_INVALID\t", absent + "\tTORRENT_MISSING\t"} {
		if !strings.Contains(string(lines), part) {
			t.Errorf("no %q in the report:\n%s", part, lines)
		}
	}
	b.command(t, "", "push", "--report", report, dir+"/good.torrent").want(t, 0)
	if info, err := os.Stat(report); err != nil || info.Size() != 0 {
		t.Errorf("the report of a push without refusals: %v, %v", info, err)
	}
	b.command(t, "", "push").want(t, 1, "push which torrents?")
	b.command(t, "", "push", "--watch", dir+"/good.torrent").want(t, 1, "want folders")
}

func TestPushJSON(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	one := torrenttest.V1("one")
	path := writeFile(t, dir, "1.torrent", one)
	bad := writeFile(t, dir, "2.torrent", []byte("bad"))
	got := b.command(t, "", "push", "--json", path, bad)
	got.want(t, 3)
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), got.stdout)
	}
	byName := map[string]push.Outcome{}
	for _, line := range lines[:2] {
		var o push.Outcome
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		byName[o.Name] = o
	}
	want := map[string]push.Outcome{
		path: {Name: path, Status: "new", InfoHash: hashOf(t, one)},
		bad:  {Name: bad, Status: "refused", Reason: "TORRENT_INVALID", Message: byName[bad].Message},
	}
	if diff := cmp.Diff(want, byName); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var last struct{ Summary push.Summary }
	if err := json.Unmarshal([]byte(lines[2]), &last); err != nil || last.Summary.New != 1 || last.Summary.Refused != 1 || !last.Summary.Complete {
		t.Errorf("%s: %v", lines[2], err)
	}
}

func TestPushResumes(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	journal := filepath.Join(t.TempDir(), "journal")
	one, two := torrenttest.V1("one"), torrenttest.Hybrid("two")
	path := writeFile(t, dir, "1.torrent", one)
	writeFile(t, dir, "old.tgz", tarGz(map[string][]byte{"2.torrent": two}))
	b.command(t, "", "push", "--resume", journal, dir).want(t, 0, "2 new")
	size := fileSize(t, journal)
	b.command(t, "", "push", "--resume", journal, dir).want(t, 0, "2 already cached")
	if again := fileSize(t, journal); again != size {
		t.Errorf("the journal grew from %d to %d bytes though there was nothing new", size, again)
	}
	// Another server has not acknowledged anything.
	other := startBackend(t)
	other.command(t, "", "push", "--resume", journal, dir).want(t, 0, "2 new")
	other.holds(t, one, two)
	b.command(t, "", "push", "--resume", path, dir).want(t, 1, "no journal")
	b.holds(t, one, two)
}

// Exit status 0 means that everything is cached.
func TestPushPassesOverNothing(t *testing.T) {
	b := startBackend(t)
	dir := t.TempDir()
	one, two := torrenttest.V1("one"), torrenttest.V1("two")
	first, second := tarOf(map[string][]byte{"1.torrent": one}), tarOf(map[string][]byte{"2.torrent": two})
	sparse := filepath.Join("..", "..", "internal", "source", "testdata", "sparse-gnu.tar.gz")
	b.command(t, "", "push", sparse).want(t, 3, "sparse.torrent: TORRENT_INVALID", "1 of 1 files")
	b.command(t, "", "push", writeFile(t, dir, "row.tar", slices.Concat(first, second))).want(t, 0, "2 new")
	b.holds(t, one, two)
	b.command(t, "", "push", writeFile(t, dir, "junk.tar", slices.Concat(first, []byte("junk")))).want(t, 3, "1 already", "1 unreadable", "junk.tar")
	b.command(t, "", "push", writeFile(t, dir, "nested.tar", tarOf(map[string][]byte{"inner": first}))).want(t, 3, "nested.tar: inner", "unpack it")
	b.command(t, "", "push", "-").want(t, 1, "standard input is empty")
	text := writeFile(t, dir, "text.tar", tarOf(map[string][]byte{"README": []byte("text")}))
	b.command(t, "", "push", "--json", text).want(t, 0, `{"name":"`+text+`: README","status":"skipped"}`, `"no_torrents_skipped":1`)
}

func TestImportPassesOverNothing(t *testing.T) {
	b := startBackend(t)
	one, two := torrenttest.V1("one"), torrenttest.V1("two")
	first, second := tarOf(map[string][]byte{"1.torrent": one}), tarOf(map[string][]byte{"2": two})
	b.command(t, string(slices.Concat(first, second)), "import").want(t, 0, "2 new")
	b.command(t, string(gzipped(first)), "import").want(t, 0, "1 already")
	b.holds(t, one, two)
	b.command(t, string(tarOf(map[string][]byte{"README": []byte("text")})), "import").want(t, 3, "README: TORRENT_INVALID")
	b.command(t, "", "import").want(t, 1, "is empty")
	b.command(t, string(first)+"junk", "import").want(t, 1, "after the end of the archive")
	b.command(t, string(first[:700]), "import").want(t, 1, "the archive")
	b.command(t, string(tarOf(nil)), "import").want(t, 0, "0 files")
	sparse, err := os.ReadFile(filepath.Join("..", "..", "internal", "source", "testdata", "sparse-pax1.0.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	b.command(t, string(sparse), "import").want(t, 3, "sparse.torrent: TORRENT_INVALID", "1 of 1 files")
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
