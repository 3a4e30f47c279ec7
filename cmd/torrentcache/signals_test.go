//go:build unix

package main

import (
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// awaitLog waits until the log has text, and returns how often.
func (p *process) awaitLog(t *testing.T, text string) int {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if n := strings.Count(p.stderr.String(), text); n > 0 {
			return n
		}
		if time.Now().After(deadline) {
			t.Fatalf("the log has no %q:\n%s", text, p.stderr)
		}
	}
}

// A server knows after a restart when the store was last backed up and verified, also by a command
// on the folder.
func TestMaintenanceIsRememberedOverRestarts(t *testing.T) {
	const backup, verify, since = "torrentcache_backup_end_timestamp_seconds", "torrentcache_verify_end_timestamp_seconds", "torrentcache_store_since_timestamp_seconds"
	dir := t.TempDir()
	p := startServe(t, dir)
	p.mustUpload(t, torrenttest.V1("a"))
	if p.metric(t, backup) != "0" || p.metric(t, verify) != "0" || p.metric(t, since) == "0" {
		t.Errorf("a new store: backup %s, verification %s, since %s", p.metric(t, backup), p.metric(t, verify), p.metric(t, since))
	}
	if done := p.operate(t, "", "backup", filepath.Join(t.TempDir(), "copy")); done.status != 0 {
		t.Fatal(done.stderr)
	}
	before, first := p.metric(t, backup), p.metric(t, since)
	p.kill(t)
	if status, _, stderr := runToEnd(t, nil, "verify", "--data-dir", dir); status != 0 {
		t.Fatal(stderr)
	}
	p = startServe(t, dir)
	if !sameTime(t, p.metric(t, backup), before) || p.metric(t, verify) == "0" || !sameTime(t, p.metric(t, since), first) || before == "0" {
		t.Errorf("after a restart: backup %s, was %s; verification %s; since %s, was %s",
			p.metric(t, backup), before, p.metric(t, verify), p.metric(t, since), first)
	}
}

// sameTime reports whether two Unix times are the same but for the rounding to whole seconds.
func sameTime(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y float64
	if _, err := fmt.Sscan(a+" "+b, &x, &y); err != nil {
		t.Fatal(err)
	}
	return math.Abs(x-y) < 2
}

// A store without room says so at the start, at /readyz and in the metrics; it serves reads, and
// the log has a line for the state and none for each upload.
func TestAFullStoreIsTold(t *testing.T) {
	dir := t.TempDir()
	p := startServe(t, dir)
	torrent := torrenttest.V1("a")
	p.mustUpload(t, torrent)
	p.kill(t)
	p = startServe(t, dir, "--min-free-space", "1000000GB")
	const refused = "uploads are refused for now; downloads go on"
	p.awaitLog(t, refused)
	for i := range 5 {
		if _, refusal := uploadForm(t, &doors{http: p.http}, torrenttest.Random(uint64(i), 900_000)); !strings.HasPrefix(refusal, "507") {
			t.Errorf("an upload: %s", refusal)
		}
	}
	if n := p.awaitLog(t, refused); n != 1 || strings.Count(p.stderr.String(), "reason=STORAGE_FULL") > 1 {
		t.Errorf("%d lines:\n%s", n, p.stderr)
	}
	code, _, body := httpGet(t, p.admin+"readyz")
	if code != http.StatusOK || !strings.Contains(string(body), "uploads are refused: store full") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if _, _, body := httpGet(t, p.http+"readyz"); string(body) != "ready\n" {
		t.Errorf("/readyz for the public: %s", body)
	}
	if p.metric(t, "torrentcache_store_takes_uploads") != "0" || p.metric(t, `torrentcache_rpc_errors_total{method="/torrentcache.v1.CacheService/CacheTorrent",reason="STORAGE_FULL"}`) != "5" {
		t.Error("the metrics do not tell")
	}
	if _, refusal := fetchDownload(t, &doors{http: p.http}, infoHash(torrent)); refusal != "" {
		t.Errorf("a download: %s", refusal)
	}
}

// The server warns of a certificate that has expired or soon will, at the start and when the
// certificate is replaced.
func TestTheEndOfTheCertificateIsTold(t *testing.T) {
	s := newSecured(t)
	s.replace(t, s.authority.IssueUntil(t, "a server", time.Now().Add(-time.Minute)))
	p := s.serve(t)
	p.awaitLog(t, "the certificate has ended: clients refuse it")
	s.replace(t, s.authority.IssueUntil(t, "a server", time.Now().Add(time.Hour)))
	p.hangUpCertificates(t, 1)
	p.awaitLog(t, "the certificate ends soon")
	if end := p.metric(t, "torrentcache_certificate_end_timestamp_seconds"); end == "" {
		t.Error("no metric tells the end")
	}
	s.issue(t, "a server")
	p.hangUpCertificates(t, 2)
	p.awaitLog(t, "the certificate is good")
}
