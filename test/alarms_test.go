//go:build e2e

package test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
)

// The alarm for certificates fires for a running server whose certificate expires soon, and stops
// when the certificate has been replaced.
func TestCertificateAlarm(t *testing.T) {
	t.Parallel()
	authority := certtest.NewAuthority(t)
	_, flags := secureFlags(t)
	replace := func(issued certtest.Issued) {
		for file, text := range map[string][]byte{flags[3]: issued.Certificate, flags[5]: issued.Key} {
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace(authority.IssueUntil(t, "a server", time.Now().Add(24*time.Hour)))
	s := startServer(t, flags...)
	p := startPrometheus(t, s.Admin)
	p.awaitScrapes(t, 1)
	soon, ended := alarm(t, "TorrentcacheCertificateEnds"), alarm(t, "TorrentcacheCertificateEnded")
	p.awaitCount(t, soon, 1)
	p.awaitCount(t, ended, 0)
	replace(authority.Issue(t, "a server"))
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.awaitCount(t, soon, 0)
	p.awaitCount(t, ended, 0)
}

// alarm returns the expression of an alarm whose expression has one line.
func alarm(t *testing.T, name string) string {
	t.Helper()
	found := regexp.MustCompile(`- alert: ` + name + `\n +expr: (.+)\n`).FindSubmatch(mustRead(t, contrib+"prometheus/torrentcache.rules.yml"))
	if found == nil {
		t.Fatalf("there is no alarm %s", name)
	}
	return string(found[1])
}

// awaitCount waits until an expression has that many results.
func (p *prometheus) awaitCount(t *testing.T, expression string, want int) {
	t.Helper()
	query := "http://" + p.address + "/api/v1/query?query=" + url.QueryEscape(expression)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := exec.CommandContext(t.Context(), "curl", "-sf", query).Output()
		var answer struct {
			Data struct{ Result []json.RawMessage }
		}
		if err == nil && json.Unmarshal(out, &answer) == nil && len(answer.Data.Result) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s, %v; want %d results", expression, out, err, want)
		}
	}
}
