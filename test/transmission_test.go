//go:build e2e

package test

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// TestTransmissionAddsByURL makes a BitTorrent client fetch torrents by their URL.
func TestTransmissionAddsByURL(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	rpc := startTransmission(t)
	small, packed, large := torrenttest.Random(7001, 20_000), torrenttest.Random(7002, 30_000), torrenttest.Random(7003, 5_500_000)
	for name, c := range map[string]struct {
		sent, torrent []byte
		rest          string // of the URL
	}{
		"good":  {small, small, ".torrent"},
		"again": {small, small, ".torrent?title=a%20name"},
		"gzip":  {gzipped(t)(packed), packed, ""},
		"large": {large, large, ".torrent"},
	} {
		hash := parse(t, c.torrent).IDs().Primary().String()
		if status, _, answer := post(t, "http://"+s.HTTP+"/v1/torrents", "application/x-bittorrent", c.sent); status != 201 && status != 200 {
			t.Fatalf("%s: %d %s", name, status, answer)
		}
		run(t, "", "transmission-remote", rpc, "--add", "http://"+s.HTTP+"/torrent/"+hash+c.rest)
		if shown := run(t, "", "transmission-remote", rpc, "--torrent", hash, "--info"); !strings.Contains(shown, strings.ToLower(hash)) {
			t.Errorf("%s: %s is not there: %s", name, hash, shown)
		}
	}
	unknown := "http://" + s.HTTP + "/torrent/" + strings.Repeat("0", 40) + ".torrent"
	if out, _ := exec.Command("transmission-remote", rpc, "--add", unknown).CombinedOutput(); !strings.Contains(string(out), "404") {
		t.Errorf("what is not cached: %s", out)
	}
}

// startTransmission runs a daemon that connects only to this machine, and returns its address.
func startTransmission(t *testing.T) string {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	_, peers, _ := net.SplitHostPort(freeAddress(t))
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	daemon := exec.CommandContext(ctx, "transmission-daemon", "--foreground", "--config-dir", dir, "--download-dir", dir, "--port", port,
		"--rpc-bind-address", "127.0.0.1", "--no-auth", "--paused", "--no-dht", "--no-lpd", "--no-utp", "--no-portmap",
		"--bind-address-ipv4", "127.0.0.1", "--bind-address-ipv6", "::1", "--peerport", peers)
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = daemon.Wait()
	})
	for deadline := time.Now().Add(patience); exec.Command("transmission-remote", address, "--session-info").Run() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("transmission-daemon does not answer")
		}
	}
	return address
}
