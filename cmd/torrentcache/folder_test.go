package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/cli"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// makeFolder makes a data folder with these torrents.
func makeFolder(t *testing.T, torrents ...[]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	changeFolder(t, dir, func(st *diskstore.Store) {
		for _, torrent := range torrents {
			parsed, err := metainfo.Parse(torrent)
			if err != nil {
				t.Fatal(err)
			}
			putInFolder(t, st, parsed.IDs(), torrent)
		}
	})
	return dir
}

func changeFolder(t *testing.T, dir string, change func(*diskstore.Store)) {
	t.Helper()
	st, err := diskstore.Open(diskstore.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	change(st)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func putInFolder(t *testing.T, st store.Store, ids infohash.Set, torrent []byte) {
	t.Helper()
	r := st.Put(t.Context(), []store.Item{{IDs: ids, Torrent: torrent, InfoLength: len(torrent), Rank: store.RankAnonymous}})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
}

func TestFolderCommands(t *testing.T) {
	one, two := torrenttest.V1("one"), torrenttest.Hybrid("two")
	dir := makeFolder(t, one, two)
	copied := filepath.Join(t.TempDir(), "copy")
	operate(t, nil, "", "verify", "--data-dir", dir).want(t, 0, "2 torrents, ", "nothing is damaged")
	operate(t, nil, "", "backup", "--data-dir", dir, copied).want(t, 0, "copied to "+copied)
	operate(t, nil, "", "backup", "--data-dir", dir, copied).want(t, 1, "not empty")
	operate(t, nil, "", "reindex", "--data-dir", copied).want(t, 0, "2 torrents, 0 info hashes removed")
	operate(t, nil, "", "stats", "--data-dir", copied).want(t, 0, "torrents              2\n")
	operate(t, []string{"TORRENTCACHE_DATA_DIR=" + copied}, "", "verify").want(t, 0, "2 torrents, ")
}

// A torrent under the info hash of another is damaged, even if its checksum is right.
func TestVerifyComparesInfoHashes(t *testing.T) {
	dir := makeFolder(t, torrenttest.V1("one"))
	wrong := infohash.V1([20]byte{1})
	changeFolder(t, dir, func(st *diskstore.Store) { putInFolder(t, st, infohash.Set{V1: wrong}, torrenttest.V1("two")) })
	got := operate(t, nil, "", "verify", "--data-dir", dir)
	got.want(t, 1, "1 of 2 torrents are damaged")
	if got.stdout != wrong.String()+"\n" {
		t.Errorf("the report is %q", got.stdout)
	}
}

func TestExport(t *testing.T) {
	one, two, removed := torrenttest.V1("one"), torrenttest.Hybrid("two"), torrenttest.V2("three")
	dir := makeFolder(t, one, two, removed)
	changeFolder(t, dir, func(st *diskstore.Store) {
		id, err := infohash.Parse(hashOf(t, removed))
		if err != nil {
			t.Fatal(err)
		}
		if err := storetest.Remove(t.Context(), st, id, store.Removal{}); err != nil {
			t.Fatal(err)
		}
	})
	got := operate(t, nil, "", "export", "--data-dir", dir)
	got.want(t, 0, "2 torrents, ")
	want := map[string][]byte{hashOf(t, one) + ".torrent": one, hashOf(t, two) + ".torrent": two}
	for r := tar.NewReader(strings.NewReader(got.stdout)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || want[header.Name] == nil || !bytes.Equal(content, want[header.Name]) || header.ModTime.IsZero() {
			t.Errorf("%s: %d bytes of %v, %v", header.Name, len(content), header.ModTime, err)
		}
		delete(want, header.Name)
	}
	if len(want) > 0 {
		t.Errorf("%d torrents are not in the archive", len(want))
	}

	changeFolder(t, dir, func(st *diskstore.Store) {
		putInFolder(t, st, infohash.Set{V1: infohash.V1([20]byte{1})}, torrenttest.V1("four"))
	})
	operate(t, nil, "", "export", "--data-dir", dir).want(t, 1, "1 of 3 torrents are damaged and not in the archive")
}

// An export that cannot be written is an error. It marks no torrent as damaged.
func TestExportToABrokenPipe(t *testing.T) {
	dir := makeFolder(t, torrenttest.Random(1, 3<<20))
	var stderr strings.Builder
	env := cli.Environment{Stdout: brokenPipe{}, Stderr: &stderr}
	if status := run(t.Context(), []string{"export", "--data-dir", dir}, env); status != 1 || !strings.Contains(stderr.String(), "not complete") {
		t.Errorf("exit status %d: %s", status, stderr.String())
	}
	operate(t, nil, "", "verify", "--data-dir", dir).want(t, 0, "nothing is damaged")
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }
