//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// byOperator runs an operator's command on p, and returns its output.
func (p *process) byOperator(t *testing.T, status int, args ...string) string {
	t.Helper()
	done := p.operate(t, "", args...)
	done.want(t, status)
	return done.stdout + done.stderr
}

// holding uploads n torrents and returns their info hashes.
func (p *process) holding(t *testing.T, n int) []string {
	t.Helper()
	var hashes []string
	for i := range n {
		torrent := torrenttest.V1(fmt.Sprint("torrent ", i))
		if _, refusal := uploadForm(t, &doors{http: p.http}, torrent); refusal != "" {
			t.Fatal(refusal)
		}
		hashes = append(hashes, infoHash(torrent))
	}
	return hashes
}

func (p *process) download(t *testing.T, hash string) (int, string) {
	t.Helper()
	code, _, body := httpGet(t, p.http+"torrent/"+hash+".torrent")
	return code, string(body)
}

func auditLines(t *testing.T, name string) []audit.Entry {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var entries []audit.Entry
	for line := range strings.Lines(string(text)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		entries = append(entries, e)
	}
	return entries
}

func TestAuditLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "audit.log")
	p := startServe(t, t.TempDir(), "--audit-log", log)
	hash := p.holding(t, 1)[0]
	p.byOperator(t, 0, "remove", "--reason", "court order", "--reference", "case 7", "--erase", hash)
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	p.hangUp(t, `msg="opened anew" what="audit log"`, 1)
	p.byOperator(t, 0, "restore", "--reference", "case 7b", hash)
	p.byOperator(t, 3, "restore", hash)

	before, after := auditLines(t, log+".1"), auditLines(t, log)
	if len(before) != 1 || len(after) != 3 {
		t.Fatalf("%+v\n%+v", before, after)
	}
	for _, e := range append(before, after...) {
		if e.Who != "anonymous" || e.Time.IsZero() || e.InfoHash != hash {
			t.Errorf("%+v", e)
		}
	}
	if e := before[0]; e.Action != "remove" || e.Reason != "court order" || e.Reference != "case 7" || !e.Erase || e.Failed != "" {
		t.Errorf("%+v", e)
	}
	if e := after[0]; e.Action != "restore" || e.Reference != "case 7b" || e.Failed != "" {
		t.Errorf("%+v", e)
	}
	if after[1].Failed != "" || !strings.Contains(after[2].Failed, "TORRENT_NOT_FOUND") {
		t.Errorf("%+v", after[1:])
	}
}

// The audit log names the person who removes a torrent by the name of the key.
func TestAuditLogNamesWhoDidIt(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "audit.log")
	key := access.NewKey()
	entry := access.Entry{Name: "alice", Roles: access.Admin, Key: access.DigestOf(key)}
	p := startServe(t, t.TempDir(), "--audit-log", log, "--keys-file", writeFile(t, dir, "keys", []byte(entry.String()+"\n")))
	hash := strings.Repeat("AB", 20)
	p.byOperator(t, 1, "remove", hash)
	p.byOperator(t, 0, "remove", "--token", key, hash)
	if got := auditLines(t, log); len(got) != 1 || got[0].Who != "alice" {
		t.Errorf("%+v", got)
	}
}

// If the audit log cannot be written, nothing is changed.
func TestNothingIsRemovedWithoutALine(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		full := filepath.Join(t.TempDir(), "no folder", "audit.log")
		if status, _, stderr := runToEnd(t, nil, "serve", "--data-dir", t.TempDir(), "--audit-log", full); status == 0 || !strings.Contains(stderr, "--audit-log") {
			t.Errorf("started without its audit log: %s", stderr)
		}
		return // a device that is always full is Linux's
	}
	p := startServe(t, t.TempDir(), "--audit-log", full)
	hash := p.holding(t, 1)[0]
	if said := p.byOperator(t, 1, "remove", hash); !strings.Contains(said, "audit log") {
		t.Errorf("%s", said)
	}
	if code, _ := p.download(t, hash); code != http.StatusOK {
		t.Errorf("the download answers %d", code)
	}
}

func TestWithoutAnAuditLogTheLogHasIt(t *testing.T) {
	p := startServe(t, t.TempDir())
	p.byOperator(t, 0, "remove", "--reference", "case 8", strings.Repeat("AB", 20))
	if log := p.stderr.String(); !strings.Contains(log, "msg=audit who=anonymous action=remove info_hash=ABAB") || !strings.Contains(log, `reference="case 8"`) {
		t.Errorf("%s", log)
	}
}

func TestRemoveListsOfHashes(t *testing.T) {
	p := startServe(t, t.TempDir())
	hashes := p.holding(t, 4)
	list := writeFile(t, t.TempDir(), "list.txt", []byte("# by order of the court\n\n  "+hashes[0]+"\r\nmagnet:?xt=urn:btih:"+strings.ToLower(hashes[1])+"\n"))
	p.byOperator(t, 0, "remove", list, hashes[2])
	for i, want := range []int{http.StatusGone, http.StatusGone, http.StatusGone, http.StatusOK} {
		if code, _ := p.download(t, hashes[i]); code != want {
			t.Errorf("torrent %d: %d, want %d", i, code, want)
		}
	}
	p.byOperator(t, 0, "restore", list)
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusGone, http.StatusOK} {
		if code, _ := p.download(t, hashes[i]); code != want {
			t.Errorf("torrent %d restored: %d, want %d", i, code, want)
		}
	}
	bad := writeFile(t, t.TempDir(), "bad.txt", []byte("nonsense\n"+hashes[3]+"\n"))
	if said := p.byOperator(t, 3, "remove", bad); !strings.Contains(said, "nonsense") {
		t.Errorf("%s", said)
	}
	if code, _ := p.download(t, hashes[3]); code != http.StatusGone {
		t.Errorf("what follows a bad line was left out: %d", code)
	}
	if said := p.byOperator(t, 3, "remove", "no-such-file"); !strings.Contains(said, "no file has that name") {
		t.Errorf("%s", said)
	}
	p.byOperator(t, 1, "remove", t.TempDir())
}

// The contact is on the pages and in every door's answer for a removed torrent. The operator
// chooses the status.
func TestContactAndStatusOfRemovedTorrents(t *testing.T) {
	const contact = "abuse@cache.example"
	p := startServe(t, t.TempDir(), "--contact", contact, "--removed-status", "451")
	hash := p.holding(t, 1)[0]
	p.byOperator(t, 0, "remove", "--reason", "secret reason", hash)
	for _, path := range []string{"torrent/" + hash + ".torrent", "v1/torrents/" + hash} {
		if code, _, body := httpGet(t, p.http+path); code != http.StatusUnavailableForLegalReasons || !bytes.Contains(body, []byte(contact)) || bytes.Contains(body, []byte("secret")) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	body, contentType := form(t, torrenttest.V1("torrent 0"))
	if code, header, text := httpDo(t, http.MethodPost, p.http+"autoupload.php", contentType, body); code != http.StatusOK ||
		!strings.HasPrefix(string(text), "Error 116: Deleted torrent:") || !strings.Contains(header.Get("X-Torrage-Error-Msg"), contact) {
		t.Errorf("form: %d %s", code, text)
	}
	for _, path := range []string{"", "automation", "info/" + hash} {
		if _, _, page := httpGet(t, p.http+path); !bytes.Contains(page, []byte(`<a href="mailto:`+contact+`">`)) {
			t.Errorf("/%s names no contact", path)
		}
	}
	if code, _, _ := httpGet(t, p.http+"torrent/"+strings.Repeat("AB", 20)+".torrent"); code != http.StatusNotFound {
		t.Errorf("a torrent that is not there: %d", code)
	}
}

// A page of another site, whose host name resolves to this machine's address, reaches nothing on
// the admin listener.
func TestAdminListenerAnswersToItsNamesOnly(t *testing.T) {
	p := startServe(t, t.TempDir(), "--admin-hosts", "cache.internal.example,other.example", "--trusted-proxies", "127.0.0.1")
	for host, want := range map[string]int{
		"":                          http.StatusOK,
		"localhost:9091":            http.StatusOK,
		"cache.internal.example":    http.StatusOK,
		"CACHE.internal.example.:9": http.StatusOK,
		"[::1]:9091":                http.StatusOK,
		"intranet:9091":             http.StatusMisdirectedRequest,
		"evil.example":              http.StatusMisdirectedRequest,
		"evil.example:9091":         http.StatusMisdirectedRequest,
		"127.0.0.1.evil.example":    http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"metrics", "livez", "v1/admin/stats", "debug/pprof/cmdline"} {
			req, err := http.NewRequest(http.MethodGet, p.admin+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			req.Header.Set("X-Forwarded-Host", "localhost") // the page's script can send this
			if code, _, _ := send(t, http.DefaultTransport, req); code != want {
				t.Errorf("%s /%s: %d, want %d", host, path, code, want)
			}
		}
	}
}
