//go:build e2e

package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	// measuring is the minimum time that a series of downloads takes.
	measuring = 500 * time.Millisecond

	// little and some are memory limits of the server, in MiB.
	little, some = 256, 512
)

// attack attacks a server from addresses that no other client has. It returns when the attack is
// at its full strength; stop ends the attack.
type attack func(t *testing.T, s *server) (stop func())

// underAttack starts a server that does not trust loopback addresses, and attacks it. During the
// attack, downloads of other clients succeed and the memory of the process stays within its
// limit. Afterwards the server is as before. The slowdown of downloads is only logged, because
// other tests run at the same time. Look is called during the attack.
func underAttack(t *testing.T, memory int, a attack, look func(*testing.T, *server), flags ...string) {
	t.Helper()
	raiseOpenFiles(t)
	s := startServer(t, append([]string{"--memory-limit", fmt.Sprintf("%dMiB", memory), "--trusted-writers", "none",
		"--log-level", "error"}, flags...)...)
	paths := uploadSome(t, s)
	measureDownloads(t, s, paths) // everything is warm
	before, calm := s.state(t), measureDownloads(t, s, paths)
	stop := a(t, s)
	attacked := measureDownloads(t, s, paths)
	look(t, s)
	stop()
	s.awaitState(t, before)
	after := measureDownloads(t, s, paths)
	t.Logf("a download takes %s, under attack %s, after it %s", calm, attacked, after)
	peak := s.peakMemory(t) >> 20
	t.Logf("the server took %d MiB of %d", peak, memory)
	if peak > memory {
		t.Errorf("that is more than its limit")
	}
	upload(t, s.HTTP, numbered(999))
}

// uploadSome uploads 50 torrents and returns the paths of their downloads.
func uploadSome(t *testing.T, s *server) (paths []string) {
	t.Helper()
	for n := range uint64(50) {
		paths = append(paths, upload(t, s.HTTP, numbered(n)))
	}
	return paths
}

// measureDownloads returns the median time of a download on one connection.
func measureDownloads(t *testing.T, s *server, paths []string) time.Duration {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	var took []time.Duration
	for begun := time.Now(); len(took) < 100 || time.Since(begun) < measuring; {
		begin := time.Now()
		resp, err := client.Get("http://" + s.HTTP + paths[len(took)%len(paths)])
		if err != nil {
			t.Fatalf("a download fails: %v", err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("a download fails: %s, %v", resp.Status, err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// state is the number of things of each kind that a server has open.
type state struct{ goroutines, files, connections, uploads, memory, streams float64 }

func (s *server) state(t *testing.T) state {
	t.Helper()
	return state{
		s.metric(t, "go_goroutines"), s.metric(t, "process_open_fds"), s.metric(t, "torrentcache_connections"),
		s.metric(t, "torrentcache_uploads_in_flight"), s.metric(t, "torrentcache_upload_memory_bytes"), s.metric(t, "torrentcache_streams"),
	}
}

// slack is how many more goroutines and files a server may have than before: those of the garbage
// collector, of connections that are being closed, and of the store.
const slack = 20

// awaitState waits until the server has no more open than in state before.
func (s *server) awaitState(t *testing.T, before state) {
	t.Helper()
	var now state
	for begun := time.Now(); time.Since(begun) < 2*patience; time.Sleep(50 * time.Millisecond) {
		now = s.state(t)
		if now.goroutines <= before.goroutines+slack && now.files <= before.files+slack &&
			now.connections <= before.connections+2 && now.uploads == 0 && now.memory == 0 && now.streams == 0 {
			return
		}
	}
	t.Fatalf("after the attack the server has %+v open, before it %+v", now, before)
}

// metric returns the value of a metric. Name includes its labels as in the exposition format.
func (s *server) metric(t *testing.T, name string) float64 {
	t.Helper()
	_, text := fetch(t, "http://"+s.Admin+"/metrics")
	match := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(text)
	if match == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(string(match[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// refused returns how often the server refused because of a limit.
func (s *server) refused(t *testing.T, limit string) float64 {
	t.Helper()
	return s.metric(t, `torrentcache_refusals_total{limit="`+limit+`"}`)
}

// raiseOpenFiles raises the limit of open files to the number that the attacks need.
func raiseOpenFiles(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur = limit.Max; limit.Cur < 12_000 {
		limit.Cur, limit.Max = 12_000, 12_000
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("10,000 connections need as many open files: %v", err)
	}
}

// attacker returns the n-th address of the attackers. None of them is 127.0.0.1.
func attacker(n int) net.IP { return net.IPv4(127, 1, byte(n/250), byte(1+n%250)) }

// connect connects from an attacker's address. It retries while the server's
// queue is full.
func connect(t *testing.T, from net.IP, to string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: patience}
	c, err := dialer.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// attackingClient makes requests from an attacker's address.
func attackingClient(n int) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: attacker(n)}}
	return &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dialer.DialContext}}
}

// attackUpload uploads a torrent. It returns the status, 0 if the connection was cut, and the
// Retry-After header.
func attackUpload(ctx context.Context, c *http.Client, addr string, torrent []byte) (status int, retryAfter string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/torrents", bytes.NewReader(torrent))
	if err != nil {
		return 0, ""
	}
	req.Header.Set("Content-Type", "application/x-bittorrent")
	resp, err := c.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // the status says all
	return resp.StatusCode, resp.Header.Get("Retry-After")
}
