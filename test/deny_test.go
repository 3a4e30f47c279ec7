//go:build e2e

package test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// TestDenyListAtServeAndGateway adds to the deny list a torrent that a server and the gateway in
// front of it have in memory. Neither serves the torrent after it has read the list.
func TestDenyListAtServeAndGateway(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "list")
	replaceList(t, list, "")
	node := startServer(t, "--deny-list", list, "--anonymous", "read,write,sync")
	edge := &server{HTTP: freeAddress(t), Admin: freeAddress(t)}
	edge.start(t, []string{"gateway", "--http-addr", edge.HTTP, "--admin-addr", edge.Admin, "--backend", node.GRPC, "--deny-list", list})
	testDenyList(t, list, edge, node)
}

// testDenyList puts torrents that all servers have in memory on the deny list, and takes them off
// again.
func (e *s3Engine) testDenyList(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	replaceList(t, list, "")
	var servers []*server
	for range 3 {
		servers = append(servers, e.startNode(t, "denied", e.address, "--deny-list", list, "--local-cache-dir", t.TempDir()))
	}
	edge := &server{HTTP: freeAddress(t), Admin: freeAddress(t)}
	edge.start(t, []string{"gateway", "--http-addr", edge.HTTP, "--admin-addr", edge.Admin, "--deny-list", list,
		"--backend", strings.Join([]string{servers[0].GRPC, servers[1].GRPC, servers[2].GRPC}, ",")})
	testDenyList(t, list, append(servers, edge)...)
}

func testDenyList(t *testing.T, list string, servers ...*server) {
	torrent := torrenttest.Hybrid("listed")
	path := upload(t, servers[0].HTTP, torrent)
	for round := range 5 {
		for _, s := range servers {
			for range 5 { // until it is in memory
				if code, body := fetch(t, "http://"+s.HTTP+path); code != http.StatusOK || !bytes.Equal(body, torrent) {
					t.Fatalf("round %d: %s answers %d before the torrent is listed", round, s.HTTP, code)
				}
			}
		}
		replaceList(t, list, "\uFEFF# round\r\n"+hashOfTorrent(t, torrent)+" \r\n")
		readBy(t, list, round, "1", servers)
		for _, s := range servers {
			for range 50 {
				if code, _ := fetch(t, "http://"+s.HTTP+path); code != http.StatusGone {
					t.Fatalf("round %d: %s answers %d after it has read the list", round, s.HTTP, code)
				}
			}
			resp, err := http.Post("http://"+s.HTTP+"/v1/torrents", "application/x-bittorrent", bytes.NewReader(torrent))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("round %d: an upload at %s answers %d", round, s.HTTP, resp.StatusCode)
			}
		}
		replaceList(t, list, "")
		readBy(t, list, round, "0", servers)
	}
}

// replaceList replaces the list atomically.
func replaceList(t *testing.T, list, text string) {
	t.Helper()
	if err := os.WriteFile(list+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(list+".new", list); err != nil {
		t.Fatal(err)
	}
}

// readBy waits until the servers have read the list, which has that many entries. In the first
// round it sends a signal; in the others the servers notice the change themselves.
func readBy(t *testing.T, list string, round int, entries string, servers []*server) {
	t.Helper()
	var group sync.WaitGroup
	for _, s := range servers {
		group.Go(func() {
			if round == 0 {
				if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Error(err)
				}
			}
			begin := time.Now()
			for deadline := begin.Add(patience); ; time.Sleep(20 * time.Millisecond) {
				_, metrics := fetch(t, "http://"+s.Admin+"/metrics")
				if bytes.Contains(metrics, []byte("\ntorrentcache_deny_list_entries "+entries+"\n")) {
					t.Logf("round %d: %s has read %s with %s entries after %v", round, s.HTTP, filepath.Base(list), entries, time.Since(begin).Round(time.Millisecond))
					return
				}
				if time.Now().After(deadline) {
					t.Errorf("round %d: %s did not read the list", round, s.HTTP)
					return
				}
			}
		})
	}
	group.Wait()
}
