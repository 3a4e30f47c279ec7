//go:build e2e

package test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// startMirror starts s as a mirror of the servers at sources. Other mirrors may follow its feed.
func startMirror(t *testing.T, s *server, sources ...string) {
	t.Helper()
	args := []string{"serve", "--http-addr", s.HTTP, "--grpc-addr", s.GRPC, "--admin-addr", s.Admin,
		"--data-dir", s.DataDir, "--anonymous", "read,write,sync", "--log-level", "error"}
	for _, source := range sources {
		args = append(args, "--mirror-of", "grpc://"+source)
	}
	s.start(t, args)
}

func unstarted(t *testing.T) *server {
	t.Helper()
	return &server{HTTP: freeAddress(t), GRPC: freeAddress(t), Admin: freeAddress(t), DataDir: t.TempDir()}
}

// becomes waits until a download has the status want.
func (s *server) becomes(t *testing.T, hash string, want int) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		got, _ := fetch(t, "http://"+s.HTTP+"/torrent/"+hash+".torrent")
		if got == want {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("%s at %s: %d, want %d", hash, s.HTTP, got, want)
		}
	}
}

// Three servers that follow each other in a circle are loaded and killed in turn, each at a
// random moment. In the end each has every torrent that any of them acknowledged, byte for byte,
// and every acknowledged removal is in force everywhere.
func TestMirrorsSurviveKills(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	nodes := []*server{unstarted(t), unstarted(t), unstarted(t)}
	start := func(i int) { startMirror(t, nodes[i], nodes[(i+1)%len(nodes)].GRPC) }
	for i := range nodes {
		start(i)
	}
	rounds := 6
	if os.Getenv("TORRENTCACHE_TEST_LONG") != "" {
		rounds = 60
	}
	all, removed := map[string][]byte{}, []string{}
	for round := range rounds {
		at := nodes[random.IntN(len(nodes))]
		for hash, torrent := range at.upload(t, uint64(100*round), uint64(100*round+60)) {
			all[hash] = torrent
		}
		if round < 8 { // fewer removals than stop a mirror
			gone := anyOf(all)
			mustCommand(t, "remove", "--admin", at.Admin, gone)
			delete(all, gone)
			removed = append(removed, gone)
		}
		victim := random.IntN(len(nodes))
		time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond) // any moment will do
		nodes[victim].stop(t, syscall.SIGKILL)
		for hash, torrent := range nodes[(victim+1)%len(nodes)].upload(t, uint64(100*round+60), uint64(100*round+80)) {
			all[hash] = torrent
		}
		start(victim)
	}
	for _, s := range nodes {
		for hash := range all {
			s.becomes(t, hash, 200)
		}
		s.wantTorrents(t, all)
		for _, hash := range removed {
			s.becomes(t, hash, 410)
		}
		mustCommand(t, "verify", "--admin", s.Admin)
		if stats := mustCommand(t, "stats", "--admin", s.Admin); strings.Contains(stats, "STOPPED") {
			t.Error(stats)
		}
	}
	t.Logf("%d torrents, %d removals", len(all), len(removed))
}

// The source is restored from an older backup, so that the mirror is ahead. The mirror loses
// nothing and follows later changes. The source gets everything back, including removals, by
// mirroring the mirror.
func TestMirrorAheadOfItsSource(t *testing.T) {
	t.Parallel()
	source, mirror := unstarted(t), unstarted(t)
	startMirror(t, source)
	startMirror(t, mirror, source.GRPC)
	all := source.upload(t, 0, 50)
	removed := anyOf(all)
	backup := filepath.Join(t.TempDir(), "backup")
	mustCommand(t, "backup", "--admin", source.Admin, backup)
	for hash, torrent := range source.upload(t, 50, 80) {
		all[hash] = torrent
	}
	for hash := range all {
		mirror.becomes(t, hash, 200)
	}
	mustCommand(t, "remove", "--admin", source.Admin, removed)
	mirror.becomes(t, removed, 410)
	delete(all, removed)

	source.stop(t, syscall.SIGKILL)
	source.DataDir = backup // serving the backup is like serving a copy of it
	startMirror(t, source)
	source.becomes(t, removed, 200) // forgotten
	for hash, torrent := range source.upload(t, 80, 90) {
		all[hash] = torrent
	}
	for hash := range all {
		mirror.becomes(t, hash, 200)
	}
	mirror.becomes(t, removed, 410)

	source.stopInOrder(t)
	startMirror(t, source, mirror.GRPC)
	for hash := range all {
		source.becomes(t, hash, 200)
	}
	source.becomes(t, removed, 410)
	source.wantTorrents(t, all)
	mirror.wantTorrents(t, all)
}

// Torrents that the disk cannot read are fetched from a mirror's source or from an upstream, and
// stored again: one at once when a reader asks for it, the rest by one verification.
func TestRepairOfUnreadable(t *testing.T) {
	t.Parallel()
	source := startServer(t, "--anonymous", "read,write,sync")
	all := source.upload(t, 0, 12)
	for _, setting := range []string{"--mirror-of", "--upstream"} {
		t.Run(setting, func(t *testing.T) {
			here := startServer(t, setting, "grpc://"+source.GRPC)
			for hash := range all {
				here.becomes(t, hash, 200)
			}
			here.stop(t, syscall.SIGKILL) // after a restart the server writes into another segment
			segments, err := filepath.Glob(filepath.Join(here.DataDir, "segments", "*"))
			if err != nil || len(segments) == 0 {
				t.Fatal(segments, err)
			}
			here.start(t, here.cmd.Args[1:])
			args := []string{"-e", "trace=pread64", "-e", "inject=pread64:error=EIO"}
			for _, path := range segments {
				args = append(args, "-P", path)
			}
			r := here.attach(t, args...)
			met := anyOf(all)
			if status, body := fetch(t, "http://"+here.HTTP+"/torrent/"+met+".torrent"); status != 200 || !bytes.Equal(body, all[met]) {
				t.Errorf("a reader meets it: %d, %d bytes", status, len(body))
			}
			const healed = "11 damaged or unreadable torrents fetched anew"
			if out := mustCommand(t, "verify", "--admin", here.Admin); !strings.Contains(out, healed) {
				t.Errorf("verify says %q, want %q", out, healed)
			}
			if n := len(r.injected(t, "pread64")); n < len(all) {
				t.Errorf("%d reads failed", n)
			}
			here.wantTorrents(t, all)
			mustCommand(t, "verify", "--admin", here.Admin)
			r.detach(t)
			here.loseSegment(t)
			here.wantTorrents(t, all)
		})
	}
}

// loseSegment deletes the segment with all torrents, restarts the server, and verifies the store.
// The server must behave as if nothing had been lost.
func (s *server) loseSegment(t *testing.T) {
	t.Helper()
	s.stopInOrder(t)
	segments, err := filepath.Glob(filepath.Join(s.DataDir, "segments", "*"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	if err := os.Remove(slices.Max(segments)); err != nil {
		t.Fatal(err)
	}
	s.start(t, s.cmd.Args[1:])
	if exit, stdout, stderr := command(t, "stats", "--admin", s.Admin); exit != 1 || !strings.Contains(stdout, "(12 torrents") {
		t.Errorf("stats: exit status %d\n%s%s", exit, stdout, stderr)
	}
	if out := mustCommand(t, "verify", "--admin", s.Admin); !strings.Contains(out, "12 damaged or unreadable torrents fetched anew") {
		t.Errorf("verify says %q", out)
	}
	mustCommand(t, "stats", "--admin", s.Admin)
}

// TestMirrorRate measures an empty mirror beside a push of the same torrents. By default there
// are few torrents, and the test asserts no time. With many torrents set TORRENTCACHE_TEST_LONG
// as well.
func TestMirrorRate(t *testing.T) {
	n := 1500 // more than fit into one answer of ReadTorrents
	if text := os.Getenv("TORRENTCACHE_TEST_MIRROR"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	archive := filepath.Join(dir, "all.tar")
	writeMany(t, archive, n)
	source, mirror := unstarted(t), unstarted(t)
	startMirror(t, source)
	begun := time.Now()
	runFor(t, time.Hour, dir, binary(t), "push", "--server", source.GRPC, archive)
	pushed := time.Since(begun)
	begun = time.Now()
	startMirror(t, mirror, source.GRPC)
	for mirror.metric(t, "torrentcache_store_torrents") < float64(n) {
		if time.Since(begun) > time.Hour {
			t.Fatal("it does not come to an end")
		}
		time.Sleep(50 * time.Millisecond)
	}
	mirrored := time.Since(begun)
	ratio := pushed.Seconds() / mirrored.Seconds()
	t.Logf("%d torrents: pushed in %s, mirrored in %s: ratio %.2f; the mirror took at most %s of memory", n,
		pushed.Round(time.Millisecond), mirrored.Round(time.Millisecond), ratio, peakMemory(t, mirror))
	if n >= 100_000 && ratio < 0.5 {
		t.Errorf("a mirror reads at %.2f of the speed of a push, want 0.5", ratio)
	}
}

// writeMany writes an archive of n torrents with the sizes of real ones. More than a hundred
// thousand torrents have 1 KB each, so that three copies of them fit on a disk.
func writeMany(t *testing.T, path string, n int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	buffered := bufio.NewWriterSize(file, 1<<20)
	w := tar.NewWriter(buffered)
	for i := range n {
		size := 5000 + i*7919%30_000
		if n > 100_000 {
			size = 1000
		}
		torrent := torrenttest.Random(uint64(i), size)
		header := &tar.Header{Name: fmt.Sprint(i, ".torrent"), Size: int64(len(torrent)), Mode: 0o644}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(torrent); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmp.Or(w.Close(), buffered.Flush()); err != nil {
		t.Fatal(err)
	}
}

// peakMemory returns the peak resident memory of a server, as the kernel reports it.
func peakMemory(t *testing.T, s *server) string {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
