package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/health"

	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// backendUnderTest is a real gRPC server over a store in memory.
type backendUnderTest struct {
	address string
	store   store.Store
}

func startBackend(t *testing.T) *backendUnderTest {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backendUnderTest{address: listener.Addr().String(), store: memstore.New()}
	srv := server.New(server.Options{Store: b.store, MaxTorrentSize: 10_000_000})
	s := rpc.NewGRPC(rpc.Chain{}, nil, srv.MaxMessageSize(), health.NewServer(), srv.RegisterPublic)
	go s.Serve(listener)
	t.Cleanup(s.Stop)
	return b
}

// finished is a command that has ended.
type finished struct {
	status         int
	stdout, stderr string
}

// command runs a client command against b.
func (b *backendUnderTest) command(t *testing.T, stdin string, args ...string) finished {
	t.Helper()
	var stdout, stderr strings.Builder
	env := cli.Environment{
		Environ: []string{"TORRENTCACHE_SERVER=" + b.address},
		Stdin:   strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr,
	}
	status := run(t.Context(), args, env)
	return finished{status, stdout.String(), stderr.String()}
}

// want fails the test unless the command ended so, with these parts in its output.
func (f finished) want(t *testing.T, status int, parts ...string) {
	t.Helper()
	if f.status != status {
		t.Errorf("exit status %d, want %d; stderr: %s", f.status, status, f.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(f.stdout+f.stderr, part) {
			t.Errorf("no %q in:\n%s%s", part, f.stdout, f.stderr)
		}
	}
}

// holds fails the test unless the server has exactly these torrents.
func (b *backendUnderTest) holds(t *testing.T, torrents ...[]byte) {
	t.Helper()
	for _, torrent := range torrents {
		parsed, err := metainfo.Parse(torrent)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.store.Get(context.Background(), parsed.IDs().Primary(), nil)
		if err != nil || !slices.Equal(got.Bytes, torrent) {
			t.Errorf("torrent %s: %v", parsed.IDs().Primary(), err)
		}
	}
	if stats, err := b.store.Stats(context.Background()); err != nil || stats.Torrents != int64(len(torrents)) {
		t.Errorf("the server has %d torrents, want %d (%v)", stats.Torrents, len(torrents), err)
	}
}

func hashOf(t *testing.T, torrent []byte) string {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.IDs().Primary().String()
}

func writeFile(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGet(t *testing.T) {
	b := startBackend(t)
	v1, hybrid := torrenttest.V1("one"), torrenttest.Hybrid("two")
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "new")
	b.command(t, "", "push", writeFile(t, in, "1.torrent", v1), writeFile(t, in, "2.torrent", hybrid)).want(t, 0, "2 new")
	absent := strings.Repeat("0", 40)

	list := "magnet:?xt=urn:btih:" + strings.ToLower(hashOf(t, v1)) + "\r\n\n" + hashOf(t, hybrid) + "\n"
	b.command(t, list, "get", "--out-dir", out, "-").want(t, 0, hashOf(t, v1)+".torrent", hashOf(t, hybrid)+".torrent")
	for hash, want := range map[string][]byte{hashOf(t, v1): v1, hashOf(t, hybrid): hybrid} {
		if got, err := os.ReadFile(filepath.Join(out, hash+".torrent")); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v", hash, err)
		}
	}
	b.command(t, "", "get", "--out-dir", out, absent, hashOf(t, v1), "nonsense").want(t, 3, absent+": TORRENT_NOT_FOUND", "nonsense", "2 of 3")
	b.command(t, "", "get", "-o", filepath.Join(out, "x.torrent"), absent).want(t, 3, "TORRENT_NOT_FOUND")
	if files, err := os.ReadDir(out); err != nil || len(files) != 2 {
		t.Errorf("%d files in the folder (%v)", len(files), err)
	}
	if got := b.command(t, "", "get", "-o", "-", hashOf(t, v1)); got.stdout != string(v1) {
		t.Errorf("standard output has %d bytes", len(got.stdout))
	}
	b.command(t, "", "get").want(t, 1, "get which torrents?")
	b.command(t, "", "get", "-o", "x", absent, absent).want(t, 1, "--out-dir")
}

func TestInfo(t *testing.T) {
	b := startBackend(t)
	torrent := torrenttest.Hybrid("name of it", torrenttest.File{Path: "a.txt", Data: []byte("hello")}, torrenttest.File{Path: "b.txt", Data: []byte("world")})
	path := writeFile(t, t.TempDir(), "x.torrent", torrent)
	b.command(t, "", "info", path).want(t, 0, "name of it", hashOf(t, torrent), "a.txt", "b.txt", "http://tracker.example/announce", "magnet:?")
	b.command(t, "", "info", hashOf(t, torrent)).want(t, 1, "TORRENT_NOT_FOUND")
	b.command(t, "", "push", path).want(t, 0)
	b.command(t, "", "info", hashOf(t, torrent)).want(t, 0, "name of it", "a.txt", "cached")
	ofFile := b.command(t, "", "info", "--json", path)
	ofHash := b.command(t, "", "info", "--json", "magnet:?xt=urn:btih:"+hashOf(t, torrent))
	ofFile.want(t, 0, `"infoHashV2"`)
	// The cached torrent has two more fields, which only the server knows.
	if file, hash := fieldNames(t, ofFile.stdout), append(fieldNames(t, ofHash.stdout), "etag", "updateTime"); !sameSet(append(file, "etag", "updateTime"), hash) {
		t.Errorf("the file has %q, the cached one %q", file, hash)
	}
	b.command(t, "", "info", "nonsense").want(t, 1, "no file has that name")
}

// Long texts are cut, and many long paths come in several pages.
func TestInfoOfMuchText(t *testing.T) {
	b := startBackend(t)
	var files torrenttest.List
	for i := range 30 {
		files = append(files, torrenttest.Dict{"length": 1, "path": torrenttest.List{strings.Repeat("d", 50_000), fmt.Sprint("file", i)}})
	}
	torrent := torrenttest.Bencode(torrenttest.Dict{"comment": strings.Repeat("c", 70_000), "info": torrenttest.Dict{
		"name": "n", "piece length": 16384, "pieces": strings.Repeat("x", 20), "files": files}})
	path := writeFile(t, t.TempDir(), "x.torrent", torrent)
	b.command(t, "", "push", path).want(t, 0)
	for _, what := range []string{path, hashOf(t, torrent)} {
		b.command(t, "", "info", what).want(t, 0, "ccc…\n", "file0\n", "file29\n", "this description is shortened")
		b.command(t, "", "info", "--json", what).want(t, 0, "file29", `"truncated"`)
	}
}

// Every command that names a torrent understands the forms that people paste.
func TestWhatPeoplePaste(t *testing.T) {
	b := startBackend(t)
	torrent := torrenttest.V1("one")
	b.command(t, "", "push", writeFile(t, t.TempDir(), "1.torrent", torrent)).want(t, 0)
	hash := hashOf(t, torrent)
	absent := strings.Repeat("ab", 20)
	pasted := []string{
		"magnet:/?xt=urn:btih:%s", "urn:btih:%s", "%s.torrent", "https://itorrents.org/torrent/%s.torrent?title=x", "  %s \t",
	}
	var list, want strings.Builder
	list.WriteString("\ufeff# a comment\n\n")
	for _, form := range pasted {
		text := fmt.Sprintf(form, hash)
		b.command(t, "", "info", text).want(t, 0, "name", "one")
		b.command(t, "", "get", "-o", "-", text).want(t, 0, string(torrent))
		fmt.Fprintf(&list, form+"\r\n"+form+"\n", hash, absent)
		fmt.Fprintln(&want, strings.TrimSpace(fmt.Sprintf(form, absent)))
	}
	if got := b.command(t, list.String(), "missing"); got.status != 0 || got.stdout != want.String() {
		t.Errorf("%d, %q\n%s", got.status, got.stdout, got.stderr)
	}
	b.command(t, "\ufeff"+hash, "get", "--out-dir", t.TempDir(), "-").want(t, 0, hash+".torrent")
	utf16 := "\xff\xfe" + strings.Join(strings.Split(hash+"\r\n", ""), "\x00") + "\x00"
	b.command(t, utf16, "get", "--out-dir", t.TempDir(), "-").want(t, 0, hash+".torrent")
	for _, command := range [][]string{{"missing"}, {"get", "--out-dir", t.TempDir(), "-"}} {
		b.command(t, "", command...).want(t, 1, "standard input is empty")
	}
}

func TestMissing(t *testing.T) {
	b := startBackend(t)
	torrent := torrenttest.V1("one")
	b.command(t, "", "push", writeFile(t, t.TempDir(), "1.torrent", torrent)).want(t, 0)
	absent := strings.Repeat("ab", 20)
	got := b.command(t, absent+"\n"+hashOf(t, torrent)+"\n"+strings.ToUpper(absent)+"\n", "missing")
	if got.want(t, 0); got.stdout != absent+"\n"+strings.ToUpper(absent)+"\n" {
		t.Errorf("%q", got.stdout)
	}
	b.command(t, "what\n"+absent+"\n", "missing").want(t, 3, absent, "what")
}

func TestWrongServers(t *testing.T) {
	b := startBackend(t)
	hash := strings.Repeat("ab", 20)
	for _, server := range []string{"", "localhost", "http://localhost:9090", ":9090"} {
		b.command(t, "", "get", "--server="+server, hash).want(t, 1, "--server", "host:port")
	}
	b.command(t, "", "get", "--tls", hash).want(t, 3, "OVERLOADED")
	b.command(t, "", "push", "--patience", "1ms", "--server", "127.0.0.1:1", writeFile(t, t.TempDir(), "a.torrent", torrenttest.V1("a"))).
		want(t, 1, "refused", "gave up")
}
