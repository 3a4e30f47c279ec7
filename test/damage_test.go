//go:build e2e

package test

import (
	"archive/tar"
	"bytes"
	le "encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// A flipped bit damages one torrent only. Verify finds the damage, and an upload heals it.
func TestVerifyFindsAFlippedBit(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 50)
	s.stopInOrder(t)
	victim := anyOf(torrents)
	flipBit(t, s.DataDir, torrents[victim])

	exit, stdout, stderr := command(t, "verify", "--data-dir", s.DataDir)
	if exit != 1 || stdout != victim+"\n" || !strings.Contains(stderr, "1 of 50 torrents are damaged") {
		t.Errorf("verify of the folder: exit status %d\n%s%s", exit, stdout, stderr)
	}
	s.start(t, s.cmd.Args[1:])
	_, err := dial(t, s).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: victim})
	if client.Reason(err) != "TORRENT_DAMAGED" {
		t.Errorf("a damaged torrent: %v", err)
	}
	whole := maps.Clone(torrents)
	delete(whole, victim)
	s.wantTorrents(t, whole)
	if exit, stdout, stderr := command(t, "verify", "--admin", s.Admin); exit != 1 || stdout != victim+"\n" {
		t.Errorf("verify of the server: exit status %d\n%s%s", exit, stdout, stderr)
	}
	answer, err := dial(t, s).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrents[victim]})
	if err != nil || answer.GetOutcome() != torrentcachev1.Outcome_OUTCOME_HEALED {
		t.Errorf("the upload that heals: %v, %v", answer, err)
	}
	s.wantTorrents(t, torrents)
	mustCommand(t, "verify", "--admin", s.Admin, "--rate", "100MB")
	s.stopInOrder(t)
	mustCommand(t, "verify", "--data-dir", s.DataDir)
}

// A running server finds damage, counts it, and serves the rest.
func TestDamageIsCounted(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 20)
	victim := anyOf(torrents)
	flipBit(t, s.DataDir, torrents[victim])
	if exit, stdout, stderr := command(t, "verify", "--admin", s.Admin); exit != 1 || stdout != victim+"\n" {
		t.Errorf("verify: exit status %d\n%s%s", exit, stdout, stderr)
	}
	metrics := string(mustFetch(t, "http://"+s.Admin+"/metrics"))
	for _, line := range []string{"torrentcache_store_damaged_total 1\n", "torrentcache_verify_damaged_torrents 1\n",
		"torrentcache_verify_checked_torrents 20\n", "torrentcache_verify_running 0\n"} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no line %s", line)
		}
	}
}

// Uploads that were acknowledged shortly before a kill -9 are as well known as others, if the
// server was idle for a second before the kill. Flipped bits anywhere in one upload damage that
// torrent and no other, and are reported.
func TestDamageOfTheLastUploadsBeforeAKill(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 30)
	archive := filepath.Join(t.TempDir(), "x.tar")
	writeTar(t, archive, 100, 120)
	mustCommand(t, "import", "--server", s.GRPC, archive) // in one group, or few
	for n := uint64(100); n < 120; n++ {
		torrents[hashOfTorrent(t, numbered(n))] = numbered(n)
	}
	s.awaitRest(t)
	s.stop(t, syscall.SIGKILL)
	inBody, inHeader := hashOfTorrent(t, numbered(105)), hashOfTorrent(t, numbered(110))
	flipBit(t, s.DataDir, torrents[inBody])
	flipBitAt(t, s.DataDir, torrents[inHeader], -100)
	s.start(t, s.cmd.Args[1:])
	for _, hash := range []string{inBody, inHeader} {
		_, err := dial(t, s).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if client.Reason(err) != "TORRENT_DAMAGED" {
			t.Errorf("a damaged torrent: %v", err)
		}
		delete(torrents, hash)
	}
	s.wantTorrents(t, torrents)
	if metrics := string(mustFetch(t, "http://"+s.Admin+"/metrics")); !strings.Contains(metrics, "torrentcache_store_damaged_total 2\n") {
		t.Error("the damage is not counted")
	}
}

// awaitRest waits until the store has noted that all of its log is synced.
func (s *server) awaitRest(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		segments, err := filepath.Glob(filepath.Join(s.DataDir, "segments", "*"))
		if err != nil || len(segments) == 0 {
			t.Fatal(segments, err)
		}
		last, err := os.Stat(slices.Max(segments))
		if err != nil {
			t.Fatal(err)
		}
		mark, err := os.ReadFile(filepath.Join(s.DataDir, "synced"))
		if err == nil && len(mark) == 52 && le.LittleEndian.Uint64(mark[40:]) == uint64(last.Size()) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the mark says %x (%v), the segment has %d bytes", mark, err, last.Size())
		}
	}
}

// writeTar makes an archive of numbered torrents from..to-1.
func writeTar(t *testing.T, path string, from, to uint64) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for n := from; n < to; n++ {
		w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d.torrent", n), Size: int64(len(numbered(n))), Mode: 0o644}) // into memory
		w.Write(numbered(n))
	}
	w.Close()
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// flipBit changes a bit in the middle of a stored torrent, on disk.
func flipBit(t *testing.T, dataDir string, torrent []byte) {
	t.Helper()
	flipBitAt(t, dataDir, torrent, len(torrent)/2)
}

// flipBitAt changes a bit on disk at an offset from the start of a stored torrent. The header of
// its record is at negative offsets.
func flipBitAt(t *testing.T, dataDir string, torrent []byte, offset int) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dataDir, "segments", "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range segments {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(content, torrent)
		if at < 0 {
			continue
		}
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteAt([]byte{content[at+offset] ^ 4}, int64(at+offset)); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("the torrent is in no segment")
}
