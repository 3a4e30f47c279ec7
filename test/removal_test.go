//go:build e2e

package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// TestRemovalOfAListSurvivesKills kills the server and the command with SIGKILL, again and again,
// while the command removes a list. It resumes with --resume until the list is done. After each
// kill every removal that a command has reported is in force. In the end each torrent on the list
// is removed, no other one is, and the audit log has a line for each.
func TestRemovalOfAListSurvivesKills(t *testing.T) {
	t.Parallel()
	const held, ahead, kills = 300, 20_000, 6
	dir := t.TempDir()
	log, notes, list := filepath.Join(dir, "audit.log"), filepath.Join(dir, "notes"), filepath.Join(dir, "list")
	s := startServer(t, "--log-level", "error", "--audit-log", log)
	hashes, beside := removalList(t, s, held, ahead)
	if err := os.WriteFile(list, []byte(strings.Join(hashes, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	args := []string{"remove", "--admin", s.Admin, "--reference", "case 7", "--resume", notes, list}
	acknowledged := map[string]bool{}
	for kill := range kills {
		atServer := kill%2 != 0
		removeUntilKilled(t, s, args, atServer, 1+random.IntN(3000), acknowledged)
		if atServer {
			s.start(t, s.cmd.Args[1:])
		}
		t.Logf("kill %d: %d acknowledged", kill, len(acknowledged))
		wantGone(t, s, acknowledged)
	}
	if exit, _, said := command(t, args...); exit != 0 {
		t.Fatalf("the last run: exit status %d, %s", exit, said)
	}
	all := map[string]bool{}
	for _, hash := range hashes {
		all[hash] = true
	}
	wantGone(t, s, all)
	if code, _ := fetch(t, "http://"+s.HTTP+"/torrent/"+beside+".torrent"); code != http.StatusOK {
		t.Errorf("a torrent that is not on the list: %d", code)
	}
	audited := map[string]bool{}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e struct {
			InfoHash  string `json:"info_hash"`
			Reference string `json:"reference"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // a kill may cut a line short
		}
		audited[e.InfoHash] = e.Reference == "case 7"
	}
	for _, hash := range hashes {
		if !audited[hash] {
			t.Fatalf("%s has no line in the audit log", hash)
		}
	}
	if _, _, said := command(t, args...); !strings.Contains(said, ": 0 removed, 20,300 done before") {
		t.Errorf("after all: %s", said)
	}
}

// removeUntilKilled runs a command that removes a list. It kills the command or the server after
// that many reported removals, and records the reported removals.
func removeUntilKilled(t *testing.T, s *server, args []string, atServer bool, lines int, acknowledged map[string]bool) {
	t.Helper()
	c := exec.Command(binary(t), args...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for told := bufio.NewScanner(out); told.Scan(); n++ {
		if hash, _, ok := strings.Cut(told.Text(), " removed"); ok && len(hash) == 40 {
			acknowledged[hash] = true
		}
		if n == lines && atServer {
			_ = s.stop(t, syscall.SIGKILL) // how it ends is known
		} else if n == lines {
			_ = c.Process.Kill() // it may have ended by itself
		}
	}
	_ = c.Wait() // killed, or stopped because the server was
	if atServer {
		_ = s.stop(t, syscall.SIGKILL)
	}
}

// removalList uploads torrents. It returns a list with the info hashes of all but one of them and
// of others, and the info hash of the one that is not on the list.
func removalList(t *testing.T, s *server, held, ahead int) (hashes []string, beside string) {
	t.Helper()
	cache := dial(t, s)
	for i := range held + 1 {
		answer, err := cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.Random(uint64(i), 600)})
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, answer.GetInfoHash())
	}
	hashes, beside = hashes[:held], hashes[held]
	for i := range ahead {
		hashes = append(hashes, fmt.Sprintf("%040X", i+1))
	}
	rand.Shuffle(len(hashes), func(i, j int) { hashes[i], hashes[j] = hashes[j], hashes[i] })
	return hashes, beside
}

// wantGone fails unless the server says of each info hash that it is removed.
func wantGone(t *testing.T, s *server, hashes map[string]bool) {
	t.Helper()
	conn := dialPort(t, s.Admin)
	defer conn.Close()
	admin := torrentcachev1.NewAdminServiceClient(conn)
	var page []string
	check := func() {
		// The dry run of a restoration succeeds only for removed torrents.
		answer, err := admin.RestoreTorrents(t.Context(), &torrentcachev1.RestoreTorrentsRequest{InfoHashes: page, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range answer.GetResults() {
			if r.GetRestored() == nil {
				t.Fatalf("%s was acknowledged and is not removed: %v", page[i], r.GetError())
			}
		}
		page = nil
	}
	for hash := range hashes {
		if page = append(page, hash); len(page) == 1000 {
			check()
		}
	}
	check()
}
