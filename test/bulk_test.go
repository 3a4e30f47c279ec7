//go:build e2e

package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// killTest is the state of TestBulkSurvivesKills.
type killTest struct {
	t       *testing.T
	random  *rand.Rand
	in      *bulkInput
	server  *server
	journal string
	created map[string]int // how often an info hash was reported as new
}

// TestBulkSurvivesKills kills the client and the server at random moments, often in the middle of
// a commit or of a journal line, until the push is complete.
func TestBulkSurvivesKills(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	torrents := 4000
	if os.Getenv("TORRENTCACHE_TEST_LONG") != "" {
		torrents = 60_000
	}
	k := &killTest{
		t: t, random: random, in: makeBulkInput(t, random, torrents), server: startServer(t),
		journal: filepath.Join(t.TempDir(), "journal"), created: map[string]int{},
	}
	runs := 0
	for done := false; !done; runs++ {
		done = k.run()
		k.checkJournal()
	}
	t.Logf("%d torrents in %d files, %d runs", torrents, k.in.files, runs)
	if runs < 3 {
		t.Errorf("only %d runs: hardly anything was killed", runs)
	}
	k.checkServer()
}

// run pushes until the push is killed or complete, and reports whether it is complete. The server
// may be killed and restarted meanwhile.
func (k *killTest) run() bool {
	p := startPush(k.t, "--server", k.server.GRPC, "--resume", k.journal, "--streams", fmt.Sprint(1+k.random.IntN(4)), k.in.dir)
	// The moments are measured in progress, so that early ones are as likely as late ones.
	clientDies := 1 + k.random.IntN(len(k.in.torrents)/20)
	serverDies := 1 + k.random.IntN(len(k.in.torrents)/20)
	done, killed, achieved := false, false, 0
	for line := range p.lines {
		if line.Summary != nil {
			done = line.Summary.Complete
			continue
		}
		k.note(line)
		if line.Status == "already" {
			continue
		}
		switch achieved++; achieved {
		case clientDies:
			killed = true // the push may have ended already
			_ = p.cmd.Process.Signal(syscall.SIGKILL)
		case serverDies:
			k.server.stop(k.t, syscall.SIGKILL)
			k.server.start(k.t, k.server.cmd.Args[1:])
		}
	}
	err := p.cmd.Wait()
	if done && err != nil && !killed {
		k.t.Fatalf("the push came to its end with %v", err)
	}
	return done
}

// note checks a result: a torrent that was acknowledged must never be new again.
func (k *killTest) note(line pushed) {
	switch line.Status {
	case "new":
		if k.created[line.InfoHash]++; k.created[line.InfoHash] > 1 {
			k.t.Fatalf("%s was acknowledged and is new again", line.InfoHash)
		}
	case "already":
	default:
		k.t.Fatalf("%s: %s %s %s", line.Name, line.Status, line.Reason, line.Message)
	}
}

// checkJournal checks that the server has every torrent that the journal lists.
func (k *killTest) checkJournal() {
	k.t.Helper()
	content, err := os.ReadFile(k.journal)
	if err != nil {
		k.t.Fatal(err)
	}
	lines := strings.SplitAfter(string(content), "\n")
	client := dial(k.t, k.server)
	for chunk := range slices.Chunk(lines[1:], 10_000) {
		var hashes []string
		for _, line := range chunk {
			if _, hash, whole := strings.Cut(strings.TrimSuffix(line, "\n"), " "); whole && strings.HasSuffix(line, "\n") {
				hashes = append(hashes, hash)
			}
		}
		answer, err := client.FindMissingTorrents(context.Background(), &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: hashes})
		if err != nil {
			k.t.Fatal(err)
		}
		if missing := answer.GetMissingInfoHashes(); len(missing) > 0 {
			k.t.Fatalf("the journal claims %d torrents that the server does not have: %q", len(missing), missing[:1])
		}
	}
}

// checkServer checks that the server has the input, byte for byte, and nothing else.
func (k *killTest) checkServer() {
	k.t.Helper()
	out := k.t.TempDir()
	list := strings.Join(slices.Collect(maps.Keys(k.in.torrents)), "\n")
	cmd := exec.Command(binary(k.t), "get", "--server", k.server.GRPC, "--out-dir", out, "-")
	cmd.Stdin, cmd.Stderr = strings.NewReader(list), os.Stderr
	if err := cmd.Run(); err != nil {
		k.t.Fatalf("get: %v", err)
	}
	for hash, want := range k.in.torrents {
		got, err := os.ReadFile(filepath.Join(out, hash+".torrent"))
		if err != nil || !bytes.Equal(got, want) {
			k.t.Fatalf("%s: %d bytes, want %d (%v)", hash, len(got), len(want), err)
		}
	}
	var stats struct{ TorrentCount string }
	if err := json.Unmarshal(mustFetch(k.t, "http://"+k.server.Admin+"/v1/admin/stats"), &stats); err != nil {
		k.t.Fatal(err)
	}
	if stats.TorrentCount != fmt.Sprint(len(k.in.torrents)) {
		k.t.Errorf("the server has %s torrents, want %d", stats.TorrentCount, len(k.in.torrents))
	}
}

// A push survives an orderly restart of its server without an error.
func TestBulkThroughRestarts(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	in := makeBulkInput(t, rand.New(rand.NewPCG(1, 1)), 3000)
	p := startPush(t, "--server", s.GRPC, in.dir)
	created := 0
	for line := range p.lines {
		if line.Status != "new" {
			continue
		}
		if created++; created%1000 == 500 {
			if err := s.stop(t, syscall.SIGTERM); err != nil {
				t.Fatalf("the server ended with %v", err)
			}
			s.start(t, s.cmd.Args[1:])
		}
	}
	if err := p.cmd.Wait(); err != nil || created != len(in.torrents) {
		t.Errorf("%d of %d new, %v", created, len(in.torrents), err)
	}
}

// A file that appears in a watched folder is cached, but only when it is complete.
func TestBulkWatch(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := t.TempDir()
	there, later := torrenttest.V1("there before"), torrenttest.V1("comes later")
	if err := os.WriteFile(filepath.Join(dir, "a.torrent"), there, 0o644); err != nil {
		t.Fatal(err)
	}
	p := startPush(t, "--server", s.GRPC, "--watch", "--interval", "100ms", dir)
	if line := <-p.lines; line.Status != "new" || line.InfoHash != hashOfTorrent(t, there) {
		t.Errorf("first %+v", line)
	}
	file, err := os.Create(filepath.Join(dir, "b.torrent"))
	if err != nil {
		t.Fatal(err)
	}
	// The small pieces make sure that the watcher sees an incomplete file.
	for piece := range slices.Chunk(later, 10) {
		if _, err := file.Write(piece); err != nil {
			t.Fatal(err)
		}
		<-time.After(5 * time.Millisecond)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if line := <-p.lines; line.Status != "new" || line.InfoHash != hashOfTorrent(t, later) {
		t.Errorf("then %+v", line)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range p.lines {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the watching push ended with %v", err)
	}
}
