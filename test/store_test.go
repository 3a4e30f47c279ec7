//go:build e2e

package test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// command runs torrentcache to its end and returns exit status and output.
func command(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ctx.Err() != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// mustCommand is like command, but the command must succeed. It returns the standard output.
func mustCommand(t *testing.T, args ...string) string {
	t.Helper()
	exit, stdout, stderr := command(t, args...)
	if exit != 0 {
		t.Fatalf("%q: exit status %d\n%s%s", args, exit, stdout, stderr)
	}
	return stdout
}

// upload uploads numbered torrents from..to-1, and returns them by info hash.
func (s *server) upload(t *testing.T, from, to uint64) map[string][]byte {
	t.Helper()
	cache, torrents := dial(t, s), map[string][]byte{}
	for n := from; n < to; n++ {
		answer, err := cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: numbered(n)})
		if err != nil {
			t.Fatal(err)
		}
		torrents[answer.GetInfoHash()] = numbered(n)
	}
	return torrents
}

// wantTorrents checks that s returns these torrents, byte for byte.
func (s *server) wantTorrents(t *testing.T, torrents map[string][]byte) {
	t.Helper()
	cache := dial(t, s)
	for hash, torrent := range torrents {
		answer, err := cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(answer.GetTorrent(), torrent) {
			t.Errorf("%s: %d bytes, want %d (%v)", hash, len(answer.GetTorrent()), len(torrent), err)
		}
	}
}

// wantRemoved checks that s answers TORRENT_REMOVED.
func (s *server) wantRemoved(t *testing.T, hash string) {
	t.Helper()
	_, err := dial(t, s).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if client.Reason(err) != "TORRENT_REMOVED" {
		t.Errorf("a removed torrent: %v", err)
	}
}

func (s *server) stopInOrder(t *testing.T) {
	t.Helper()
	if err := s.stop(t, syscall.SIGTERM); err != nil {
		t.Fatalf("the server ended with %v", err)
	}
}

func anyOf(torrents map[string][]byte) string {
	return slices.Min(slices.Collect(maps.Keys(torrents)))
}

// A backup made under load is a valid data folder. It has everything that was acknowledged before
// it began, including removals.
func TestBackupWhileServing(t *testing.T) {
	t.Parallel()
	everybody := []string{"--anonymous", "read,write,sync"} // the test follows the feed
	s := startServer(t, everybody...)
	torrents := s.upload(t, 0, 300)
	removed, absent := anyOf(torrents), strings.Repeat("AB", 20)
	bytesOfRemoved := torrents[removed]
	mustCommand(t, "remove", "--admin", s.Admin, "--reason", "court order", removed, absent)
	delete(torrents, removed)
	cursor := endOfFeed(t, s, "")

	loaded, stopLoad := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		cache := dial(t, s)
		for n := uint64(1000); loaded.Err() == nil; n++ {
			if _, err := cache.CacheTorrent(loaded, &torrentcachev1.CacheTorrentRequest{Torrent: numbered(n)}); err != nil && loaded.Err() == nil {
				t.Errorf("an upload while the backup is made: %v", err)
				return
			}
		}
	})
	dir := filepath.Join(t.TempDir(), "backup")
	out := mustCommand(t, "backup", "--admin", s.Admin, dir)
	stopLoad()
	load.Wait()
	if !strings.Contains(out, "copied to "+dir) {
		t.Errorf("backup says %q", out)
	}
	if exit, _, stderr := command(t, "backup", "--admin", s.Admin, dir); exit != 1 || !strings.Contains(stderr, dir) {
		t.Errorf("a backup over a backup: exit status %d, %s", exit, stderr)
	}
	later := s.upload(t, 500, 510)
	s.wantTorrents(t, torrents)

	restored := startServerIn(t, dir, everybody...)
	restored.wantTorrents(t, torrents)
	for _, hash := range []string{removed, absent} {
		restored.wantRemoved(t, hash)
	}
	if _, err := dial(t, restored).GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: anyOf(later)}); client.Reason(err) != "TORRENT_NOT_FOUND" {
		t.Errorf("what came after the backup: %v", err)
	}
	if !restarted(t, restored, cursor) {
		t.Error("a follower of the server is not told that the restored one has another feed")
	}
	mustCommand(t, "restore", "--admin", restored.Admin, removed)
	restored.wantTorrents(t, map[string][]byte{removed: bytesOfRemoved})
	mustCommand(t, "verify", "--admin", restored.Admin)
}

// follow follows the feed from a cursor until the test ends. It returns a function that waits for
// the next answer.
func follow(t *testing.T, s *server, cursor string) (next func() *torrentcachev1.WatchChangesResponse) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	conn := dialPort(t, s.GRPC)
	t.Cleanup(func() { conn.Close() })
	stream, err := torrentcachev1.NewSyncServiceClient(conn).WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{AfterCursor: cursor})
	if err != nil {
		t.Fatal(err)
	}
	return func() *torrentcachev1.WatchChangesResponse {
		t.Helper()
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// endOfFeed follows the feed from a cursor to its end, and returns the cursor there.
func endOfFeed(t *testing.T, s *server, cursor string) string {
	t.Helper()
	next := follow(t, s, cursor)
	for {
		answer := next()
		if len(answer.GetChanges()) == 0 {
			return answer.GetCursor()
		}
	}
}

// restarted reports whether the feed restarts for a client that has the cursor.
func restarted(t *testing.T, s *server, cursor string) bool {
	t.Helper()
	answer := follow(t, s, cursor)()
	return answer.GetRestarted() && len(answer.GetChanges()) > 0
}

// A lost index costs time, but no torrents and no removals.
func TestReindex(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 100)
	removed := anyOf(torrents)
	mustCommand(t, "remove", "--admin", s.Admin, removed)
	delete(torrents, removed)
	lose := func() {
		s.stopInOrder(t)
		if err := os.RemoveAll(filepath.Join(s.DataDir, "index")); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		s.start(t, s.cmd.Args[1:])
		s.wantTorrents(t, torrents)
		s.wantRemoved(t, removed)
	}
	lose()
	if out := mustCommand(t, "reindex", "--data-dir", s.DataDir); !strings.Contains(out, "99 torrents, 1 info hash removed") {
		t.Errorf("reindex says %q", out)
	}
	check()
	lose() // serve builds it by itself
	check()
}

func TestSecondProcessOnTheFolderIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, args := range [][]string{
		{"serve", "--http-addr", "127.0.0.1:0", "--grpc-addr", "off", "--admin-addr", "off", "--data-dir", s.DataDir},
		{"verify", "--data-dir", s.DataDir},
		{"reindex", "--data-dir", s.DataDir},
		{"export", "--data-dir", s.DataDir},
		{"backup", "--data-dir", s.DataDir, filepath.Join(t.TempDir(), "backup")},
	} {
		exit, _, stderr := command(t, args...)
		if exit != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "another torrentcache uses this folder") {
			t.Errorf("%s: exit status %d: %s", args[0], exit, stderr)
		}
	}
	s.upload(t, 0, 1)
}

// Torrents exported from one server can be imported into another.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 60)
	removed := anyOf(torrents)
	mustCommand(t, "remove", "--admin", s.Admin, removed)
	delete(torrents, removed)
	s.stopInOrder(t)
	archive := mustCommand(t, "export", "--data-dir", s.DataDir)
	members := map[string][]byte{}
	for r := tar.NewReader(strings.NewReader(archive)); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil || header.ModTime.Year() < 2000 {
			t.Fatalf("%s: %v, %v", header.Name, header.ModTime, err)
		}
		members[strings.TrimSuffix(header.Name, ".torrent")] = content
	}
	if !maps.EqualFunc(members, torrents, bytes.Equal) {
		t.Errorf("%d members are not the %d torrents", len(members), len(torrents))
	}
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(path, []byte(archive), 0o644); err != nil {
		t.Fatal(err)
	}
	other := startServer(t)
	mustCommand(t, "import", "--server", other.GRPC, path)
	other.wantTorrents(t, torrents)
}

// Erased bytes are off the disk when remove returns.
func TestEraseLeavesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	torrents := s.upload(t, 0, 30)
	victim := anyOf(torrents)
	torrent := torrents[victim]
	delete(torrents, victim)
	mustCommand(t, "remove", "--admin", s.Admin, "--erase", victim)
	segments, err := filepath.Glob(filepath.Join(s.DataDir, "segments", "*"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	for _, path := range segments {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, torrent[200:300]) {
			t.Errorf("%s still has bytes of the erased torrent", path)
		}
	}
	s.wantTorrents(t, torrents)
	s.wantRemoved(t, victim)
	if out := mustCommand(t, "restore", "--admin", s.Admin, victim); !strings.Contains(out, "its bytes are gone") {
		t.Errorf("restore says %q", out)
	}
}
