package diskstore

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// killDir makes the test binary a writer into the folder that it names.
const killDir = "TORRENTCACHE_TEST_KILL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever puts torrents from several goroutines and writes the seed of
// each to standard output once it is acknowledged.
func writeForever(dir string) error {
	s, err := Open(onDisk(vfs.Default, dir))
	if err != nil {
		return err
	}
	var writers sync.WaitGroup
	failed := make(chan error, 1)
	for w := range 8 {
		writers.Go(func() {
			for n := 0; ; n++ {
				seed := uint64(os.Getpid())<<24 | uint64(w)<<20 | uint64(n)
				if r := s.Put(context.Background(), []store.Item{killTorrent(seed)})[0]; r.Err != nil {
					failed <- r.Err
					return
				}
				fmt.Println(seed) // one write: lines do not mix
			}
		})
	}
	return <-failed
}

func killTorrent(seed uint64) store.Item {
	return storetest.Torrent(storetest.Shape(seed%3), seed, 500+int(seed%20_000), 0)
}

// TestKill kills a writing process with SIGKILL, again and again on the same
// folder, and reads back all that it acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []uint64
	for round := range rounds(4) {
		acknowledged = append(acknowledged, writeAndKill(t, dir, 40+60*(round%4))...)
		s, err := Open(onDisk(vfs.Default, dir))
		if err != nil {
			t.Fatal(err)
		}
		wantAcknowledged(t, s, round, acknowledged)
		mustClose(t, s)
	}
}

// wantAcknowledged wants the torrents of killTorrent that were acknowledged up to a round.
func wantAcknowledged(t *testing.T, s *Store, round int, acknowledged []uint64) {
	t.Helper()
	for _, seed := range acknowledged {
		item := killTorrent(seed)
		got, err := s.Get(t.Context(), item.IDs.Primary(), nil)
		if err != nil || !bytes.Equal(got.Bytes, item.Torrent) {
			t.Errorf("round %d: torrent %d was acknowledged, Get gives %d bytes, %v", round, seed, len(got.Bytes), err)
		}
	}
}

// writeAndKill runs a writer until it has acknowledged n torrents, kills it, and
// returns all that it acknowledged.
func writeAndKill(t *testing.T, dir string, n int) []uint64 {
	t.Helper()
	writer := exec.Command(os.Args[0])
	writer.Env = append(os.Environ(), killDir+"="+dir)
	writer.Stderr = os.Stderr
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	var seeds []uint64
	for lines := bufio.NewScanner(out); lines.Scan(); {
		seed, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, seed)
		if len(seeds) == n {
			if err := writer.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := writer.Wait(); err == nil || len(seeds) < n {
		t.Fatalf("the writer ended by itself after %d torrents: %v", len(seeds), err)
	}
	return seeds
}
