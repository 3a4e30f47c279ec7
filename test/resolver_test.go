//go:build e2e

package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// shared is a torrent that a node of the swarm has.
type shared struct {
	name    string
	ids     infohash.Set
	torrent []byte
	tracker string // the tracker that knows its peers; "" for the DHT
}

// link returns the torrent's magnet link.
func (s *shared) link() string {
	if s.tracker == "" {
		return s.ids.Magnet()
	}
	return s.ids.Magnet() + "&tr=" + url.QueryEscape(s.tracker)
}

// sharedTorrents returns torrents of each kind, with 1 KB to 9.9 MB of metadata. An HTTP and a
// UDP tracker know some of them.
func sharedTorrents(t *testing.T, httpTracker, udpTracker string) []*shared {
	t.Helper()
	all := []*shared{
		{name: "v1, 1 KB", torrent: torrenttest.Random(1, 1000)},
		{name: "v1, 100 KB", torrent: torrenttest.Random(2, 100_000), tracker: httpTracker},
		{name: "v1, 9.9 MB", torrent: torrenttest.Random(3, 9_900_000)},
		{name: "v2", torrent: torrenttest.V2("v2 in a swarm"), tracker: udpTracker},
		{name: "v2, 9.9 MB", torrent: enlarged(torrenttest.V2("v2, large"), 9_900_000), tracker: httpTracker},
		{name: "hybrid", torrent: torrenttest.Hybrid("hybrid in a swarm")},
		{name: "hybrid, 9.9 MB", torrent: enlarged(torrenttest.Hybrid("hybrid, large"), 9_900_000), tracker: udpTracker},
	}
	for _, s := range all {
		parsed, err := metainfo.Parse(s.torrent)
		if err != nil || len(s.torrent) > 9_950_000 {
			t.Fatalf("%s: %d bytes, %v", s.name, len(s.torrent), err)
		}
		s.ids = parsed.IDs()
	}
	return all
}

// enlarged returns the torrent with another key in its info dictionary, which adds about size
// bytes.
func enlarged(torrent []byte, size int) []byte {
	const name = "4:name" // every info dictionary has this key
	more := fmt.Appendf(nil, "3:mor%d:%s", size, torrenttest.Data(1, size))
	return bytes.Replace(torrent, []byte(name), append(more, name...), 1)
}

// startTracker starts an opentracker that knows these torrents, on a TCP and a UDP port.
func startTracker(t *testing.T, address string, torrents []*shared) {
	t.Helper()
	dir := t.TempDir()
	var known strings.Builder
	for _, s := range torrents {
		for _, id := range s.ids.All() {
			fmt.Fprintln(&known, id.Short())
		}
	}
	writeFile(t, dir, "known", []byte(known.String()))
	writeFile(t, dir, "conf", fmt.Appendf(nil, "listen.tcp_udp %s\naccess.whitelist %s/known\ntracker.rootdir /\ntracker.user _opentracker\n", address, dir))
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // opentracker runs as another user
		t.Fatal(err)
	}
	cmd := exec.Command("opentracker", "-f", filepath.Join(dir, "conf"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	within(t, "opentracker answers", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// startSwarm starts libtorrent nodes that have the torrents, and returns the address of one node
// of their DHT.
func startSwarm(t *testing.T, torrents []*shared) (node string) {
	t.Helper()
	dir := t.TempDir()
	type has struct {
		File     string   `json:"file"`
		Node     int      `json:"node"`
		Trackers []string `json:"trackers"`
	}
	asked := struct {
		Ports    []int  `json:"ports"`
		Folder   string `json:"folder"`
		Torrents []has  `json:"torrents"`
	}{Folder: dir}
	for range 4 {
		address := freeAddress(t)
		var port int
		if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &port); err != nil {
			t.Fatal(err)
		}
		asked.Ports = append(asked.Ports, port)
		if node == "" {
			node = address
		}
	}
	for i, s := range torrents {
		writeFile(t, dir, fmt.Sprint(i), s.torrent)
		h := has{File: filepath.Join(dir, fmt.Sprint(i)), Node: 1 + i%3, Trackers: []string{}}
		if s.tracker != "" {
			h.Trackers = append(h.Trackers, s.tracker)
		}
		asked.Torrents = append(asked.Torrents, h)
	}
	line, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-W", "ignore", "clients/swarm.py")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := stdin.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if said, err := bufio.NewReader(stdout).ReadString('\n'); said != "ready\n" {
		t.Fatalf("the swarm says %q, %v", said, err)
	}
	return node
}

// resolver returns a command that looks for torrents on this machine. Node is its DHT bootstrap
// node.
func resolver(t *testing.T, s *server, node string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := filepath.Abs("../bin/torrentcache-resolver")
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, append([]string{"--server", s.GRPC, "--local-peers", "--dht-addr", "127.0.0.1:0", "--dht-bootstrap", node}, args...)...)
}

// look makes the resolver look for the torrents that lines name. It returns the result of each
// line, and the exit status.
func look(t *testing.T, s *server, node string, lines ...string) (results map[string]string, status int) {
	t.Helper()
	cmd := resolver(t, s, node, "--json", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		status = failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	results = map[string]string{}
	for line := range strings.Lines(string(out)) {
		var fact struct{ Input, Result, Error string }
		if err := json.Unmarshal([]byte(line), &fact); err == nil && fact.Input != "" {
			t.Log(fact.Result, fact.Input, fact.Error)
			results[fact.Input] = fact.Result
		}
	}
	return results, status
}

const unknownToAll = "0123456789ABCDEF0123456789ABCDEF01234567"

// TestResolver finds torrents by their info hash in a swarm of other projects' programs.
func TestResolver(t *testing.T) {
	t.Parallel()
	tracker := freeAddress(t)
	torrents := sharedTorrents(t, "http://"+tracker+"/announce", "udp://"+tracker)
	startTracker(t, tracker, torrents)
	node := startSwarm(t, torrents)
	t.Run("list", func(t *testing.T) { testResolverList(t, torrents, node) })
	t.Run("wanted", func(t *testing.T) { testResolverWanted(t, torrents, node) })
	t.Run("browser", func(t *testing.T) { testResolverBrowser(t, torrents, node) })
}

func testResolverList(t *testing.T, torrents []*shared, node string) {
	s := startServer(t)
	lines := []string{unknownToAll}
	for _, one := range torrents {
		lines = append(lines, one.link())
	}
	results, status := look(t, s, node, lines...)
	if status != 3 || results[unknownToAll] != "not_found" {
		t.Errorf("exit status %d, the unknown one is %q", status, results[unknownToAll])
	}
	var files []string
	for _, one := range torrents {
		if got := results[one.link()]; got != "found" {
			t.Errorf("%s is %q", one.name, got)
			continue
		}
		files = append(files, one.checkStored(t, s))
	}
	// libtorrent opens the stored torrents.
	opened := run(t, ".", "/usr/bin/python3", append([]string{"-W", "ignore", "clients/swarm.py"}, files...)...)
	for _, one := range torrents {
		for _, id := range []infohash.ID{one.ids.V1, one.ids.V2} {
			if !strings.Contains(strings.ToUpper(opened), id.String()) {
				t.Errorf("libtorrent opens %s as another torrent:\n%s", one.name, opened)
			}
		}
	}
	if _, status := look(t, s, node, lines[1], lines[2]); status != 0 {
		t.Errorf("of what is cached the exit status is %d", status)
	}
	if _, status := look(t, s, node, unknownToAll); status != 4 {
		t.Errorf("if nothing is found the exit status is %d", status)
	}
}

// checkStored downloads the torrent, compares it with the one in the swarm, and returns the name
// of a file with it.
func (s *shared) checkStored(t *testing.T, from *server) string {
	t.Helper()
	_, got := from.download(t, s.ids.Primary().String())
	parsed, err := metainfo.Parse(got)
	if err != nil || parsed.IDs() != s.ids {
		t.Fatalf("%s: %v, or another info hash", s.name, err)
	}
	var trackers []string
	for _, tier := range parsed.Describe().Trackers {
		trackers = append(trackers, tier...)
	}
	if want := strings.Fields(s.tracker); !slices.Equal(trackers, want) {
		t.Errorf("%s has the trackers %q, want %q", s.name, trackers, want)
	}
	file := filepath.Join(t.TempDir(), "torrent")
	if err := os.WriteFile(file, got, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startResolver starts a resolver that looks for the torrents that the server names, until the
// test ends.
func startResolver(t *testing.T, s *server, node string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := resolver(t, s, node, args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// The resolver finds torrents that readers miss. A killed resolver starts over, and a resolver
// survives a kill of its server.
func testResolverWanted(t *testing.T, torrents []*shared, node string) {
	s := startServer(t, "--max-wanted", "100", "--anonymous", "read,write,sync")
	metrics := freeAddress(t)
	first := startResolver(t, s, node, "--metrics-addr", metrics)
	want := func(one *shared) {
		t.Helper()
		form := url.Values{"info_hash": {one.ids.Primary().String()}}
		if one.tracker != "" {
			form.Set("tr", one.tracker)
		}
		answer, err := http.PostForm("http://"+s.HTTP+"/want", form) // the answer redirects to the torrent's page
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK && !strings.Contains(string(body), "being looked for") {
			t.Fatalf("%s: %d %s", one.name, answer.StatusCode, body)
		}
	}
	found := func(one *shared) {
		t.Helper()
		within(t, one.name+" is found", func() bool {
			answer, _ := s.download(t, one.ids.Primary().String())
			if lost := answer.StatusCode == http.StatusNotFound && answer.Header.Get("Cache-Control") != "no-store"; lost {
				t.Fatalf("%s is no longer looked for: %v", one.name, answer.Header)
			}
			return answer.StatusCode == http.StatusOK
		})
		one.checkStored(t, s)
	}
	want(torrents[0])
	found(torrents[0])
	if text := string(mustFetch(t, "http://"+metrics+"/metrics")); !strings.Contains(text, `torrentcache_resolver_torrents_total{result="found"} 1`) {
		t.Errorf("metrics:\n%s", text)
	}
	if n := s.sum(t, "torrentcache_wanted_torrents"); n != 0 {
		t.Errorf("%v torrents are wanted when all were found", n)
	}
	_ = first.Process.Kill()
	_ = first.Wait()
	want(torrents[1]) // no resolver is running
	second := startResolver(t, s, node)
	found(torrents[1])
	s.stop(t, syscall.SIGKILL)
	s.start(t, s.cmd.Args[1:])
	want(torrents[5])
	found(torrents[5])
	if err := second.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("on SIGTERM the resolver ends with %v", err)
	}
}

// A user pastes a magnet link, presses the button, waits, and downloads the torrent.
func testResolverBrowser(t *testing.T, torrents []*shared, node string) {
	s := startServer(t, "--max-wanted", "100", "--anonymous", "read,write,sync")
	b := startBrowser(t)
	one := torrents[3]
	b.open(t, "http://"+s.HTTP+"/")
	b.do(t, "POST", b.find(t, "#q")+"/value", map[string]any{"text": one.link()}, nil)
	b.command(t, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	b.click(t, "form[action='/lookup'] button")
	b.click(t, "#want")
	b.find(t, "p.answer[role=status]") // it is being looked for
	startResolver(t, s, node)
	b.command(t, "Emulation.setScriptExecutionDisabled", map[string]any{"value": false})
	b.await(t, `return !!document.querySelector("main a.download, main a[href*='/torrent/']")`)
	var link string
	b.run(t, &link, `return document.querySelector("main a[href*='/torrent/']").href`)
	parsed, err := metainfo.Parse(mustFetch(t, link))
	if err != nil || parsed.IDs() != one.ids {
		t.Errorf("%s leads to another torrent, %v", link, err)
	}
}
