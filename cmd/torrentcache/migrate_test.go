package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

var bucketKeys = []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=testsecret"}

// The torrents of a running server migrate into a bucket while it takes more. Then they migrate
// back into a folder.
func TestMigrateThereAndBack(t *testing.T) {
	source, bucket := startServe(t, t.TempDir(), "--anonymous=read,write,sync"), newBucket(t)
	var torrents [][]byte
	for i := range 50 {
		torrents = append(torrents, torrenttest.Random(uint64(i), 2000))
	}
	upload := func(torrents [][]byte) {
		t.Helper()
		for _, torrent := range torrents {
			if _, err := source.cache(t).CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent}); err != nil {
				t.Fatal(err)
			}
		}
	}
	upload(torrents[:30])
	remove := &torrentcachev1.RemoveTorrentRequest{InfoHash: infoHash(torrents[0]), Reason: "court order", Reference: "case 7"}
	if _, err := adminOf(t, source).RemoveTorrent(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state.json")
	move := startCommand(t, bucketKeys, "migrate", "--from", "server:"+source.adminAddress(t), "--to", bucket.location, "--state", state, "--follow")
	move.says(t, "caught up")
	move.kill(t)
	upload(torrents[30:])

	args := []string{"migrate", "--from", "server:" + source.adminAddress(t), "--to", bucket.location, "--state", state}
	if status, stdout, stderr := runToEnd(t, bucketKeys, args...); status != 0 || !strings.Contains(stdout, "20 torrents stored") {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	source.kill(t)

	back := filepath.Join(t.TempDir(), "back")
	args = []string{"migrate", "--from", bucket.location, "--to", "disk:" + back, "--state", filepath.Join(t.TempDir(), "state.json")}
	if status, stdout, stderr := runToEnd(t, bucketKeys, args...); status != 0 {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	for _, p := range []*process{bucket.serve(t), startServe(t, back)} {
		for _, torrent := range torrents[1:] {
			if err := download(p.http+"torrent/"+infoHash(torrent)+".torrent", torrent); err != nil {
				t.Error(err)
			}
		}
		got, err := adminOf(t, p).ReadRecord(t.Context(), &torrentcachev1.ReadRecordRequest{InfoHash: infoHash(torrents[0])})
		if err != nil || got.GetRemoval().GetReason() != "court order" || got.GetRemoval().GetReference() != "case 7" {
			t.Errorf("the removal: %v, %v", got.GetRemoval(), err)
		}
	}
}

// startCommand runs a command that goes on until it is stopped.
func startCommand(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: command(env, args...), stdout: &lockedBuffer{}, stderr: &lockedBuffer{}, exited: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the status is in ProcessState
		close(p.exited)
	}()
	t.Cleanup(func() { p.kill(t) })
	return p
}

// says waits until the process has written text to its standard error.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	p.hasWritten(t, p.stderr, text)
}

// writes waits until the process has written text to its standard output.
func (p *process) writes(t *testing.T, text string) {
	t.Helper()
	p.hasWritten(t, p.stdout, text)
}

func (p *process) hasWritten(t *testing.T, to *lockedBuffer, text string) {
	t.Helper()
	for begun := time.Now(); !strings.Contains(to.String(), text); time.Sleep(time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("it never says %q: %s%s", text, p.stdout, p.stderr)
		}
	}
}

func TestMigrateRefuses(t *testing.T) {
	of := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(of, []byte(`{"to":"s3://elsewhere","cursor":"1-1"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"both are required":     {"--from", "disk:x"},
		"are the same":          {"--from", "disk:x", "--to", "disk:x"},
		"no data folder":        {"--from", "disk:" + t.TempDir(), "--to", "disk:" + t.TempDir()},
		"want server:HOST:PORT": {"--from", "server:here", "--to", "disk:" + t.TempDir()},
		"--from \"here:9091\": want server:HOST:PORT, disk:DIR": {"--from", "here:9091", "--to", "disk:x"},
		"--to \"server:here:1\": want disk:DIR or s3://":        {"--from", "disk:x", "--to", "server:here:1"},
		"--to \"disk:\": want disk:DIR or s3://":                {"--from", "disk:x", "--to", "disk:"},
		"********@torrents: credentials do not belong here":     {"--from", "s3://a:hunter2@torrents", "--to", "disk:" + t.TempDir()},
		"want 1 to 1024":              {"--from", "disk:x", "--to", "disk:y", "--parallel", "0"},
		"migration to s3://elsewhere": {"--from", "disk:x", "--to", "disk:y", "--state", of},
	} {
		status, _, stderr := runToEnd(t, nil, append([]string{"migrate"}, args...)...)
		if status == 0 || !strings.Contains(stderr, want) {
			t.Errorf("%v: status %d, %s; want %q", args, status, stderr, want)
		}
	}
}
