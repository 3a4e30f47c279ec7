//go:build unix

package main

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// accessLines waits until the access log has that many lines, and returns them.
func accessLines(t *testing.T, name string, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(text) > 0 && len(lines) >= n {
			return lines
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines are wanted of\n%s", n, text)
		}
	}
}

// wantAccess checks that lines are those that are wanted, in order, each given by texts in it.
func wantAccess(t *testing.T, lines []string, want ...[]string) {
	t.Helper()
	if len(lines) != len(want) {
		t.Errorf("%d lines, want %d", len(lines), len(want))
	}
	for i := range min(len(lines), len(want)) {
		for _, text := range want[i] {
			if !strings.Contains(lines[i]+" ", " "+text+" ") {
				t.Errorf("line %d has no %s:\n%s", i, text, lines[i])
			}
		}
	}
}

// Every door's requests are in the access log, on the fast path and off it, with the reason, and
// without secrets.
func TestAccessLog(t *testing.T) {
	file, callers := keysFile(t)
	log := filepath.Join(t.TempDir(), "access.log")
	p := startServe(t, t.TempDir(), "--keys-file", file, "--anonymous", "read", "--access-log", log)
	key, torrent := keyOf(callers, access.Write), torrenttest.V1("a")
	hash := infoHash(torrent)
	keyed, site := &doors{http: p.http + "k/" + key + "/"}, &doors{http: p.http}

	uploadForm(t, keyed, torrent)
	uploadForm(t, keyed, torrent[:len(torrent)-1])
	uploadSOAP(t, keyed, []byte("no torrent"))
	uploadForm(t, site, torrent)
	uploadRaw(t, keyed, torrent)
	fetchDownload(t, site, hash) // it fills the cache
	fetchDownload(t, site, hash)
	httpGet(t, p.http+"torrent/"+strings.Repeat("AB", 20)+".torrent")
	httpGet(t, p.http+"v1/torrents/xyz")
	httpGet(t, p.http+"no/such/"+key)
	fetchGRPC(t, &doors{cache: p.cache(t)}, hash)

	lines := accessLines(t, log, 11)
	upload, name := "path=/k/{key}/autoupload.php", "key=write"
	wantAccess(t, lines,
		[]string{"door=form", "method=POST", upload, "info_hash=" + hash, "status=200", "reason=none", name},
		[]string{"door=form", upload, "info_hash=none", "status=200", "reason=TORRENT_INVALID", name},
		[]string{"door=soap", "path=/k/{key}/api/index.php", "status=200", "reason=TORRENT_INVALID", name},
		[]string{"door=form", "path=/autoupload.php", "status=401", "reason=UNAUTHENTICATED", "key=anonymous"},
		[]string{"door=api", "path=/k/{key}/v1/torrents", "info_hash=" + hash, "status=200", "reason=none", name},
		[]string{"door=download", "method=GET", "path=/torrent/...", "info_hash=" + hash, "status=200", "key=anonymous"},
		[]string{"door=download", "path=/torrent/...", "info_hash=" + hash, "status=200", "reason=none", "key=anonymous"},
		[]string{"door=download", "status=404", "reason=TORRENT_NOT_FOUND", "info_hash=" + strings.Repeat("AB", 20)},
		[]string{"door=api", "path=/v1/torrents/{info_hash}", "info_hash=none", "status=400", "reason=HASH_MALFORMED"},
		[]string{"door=page", "path=/...", "status=404", "reason=ROUTE_NOT_FOUND"},
		[]string{"door=grpc", "method=RPC", "path=/torrentcache.v1.CacheService/GetTorrent", "info_hash=" + hash, "status=OK", "key=anonymous"},
	)
	if all := strings.Join(lines, "\n"); strings.Contains(all, key) || strings.Contains(all, "127.0.0.1") {
		t.Errorf("a key or an address is in\n%s", all)
	}
	if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// To rotate the log, an operator renames it and sends SIGHUP. The log has addresses only with
// --log-addresses.
func TestAccessLogIsOpenedAnew(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	p := startServe(t, t.TempDir(), "--access-log", log, "--log-addresses", "--trusted-proxies", "127.0.0.1")
	get := func() {
		req, err := http.NewRequest(http.MethodGet, p.http+"torrent/"+strings.Repeat("AB", 20)+".torrent", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "192.0.2.44")
		send(t, http.DefaultTransport, req)
	}
	get()
	accessLines(t, log, 1)
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	p.reload(t, `what="access log"`)
	get()
	for _, name := range []string{log + ".1", log} {
		if line := accessLines(t, name, 1)[0]; !strings.Contains(line, "address=192.0.2.44") || !strings.Contains(line, "reason=TORRENT_NOT_FOUND") {
			t.Errorf("%s: %s", name, line)
		}
	}
	if p.metric(t, "torrentcache_access_log_dropped_total") != "0" {
		t.Error("lines were left out")
	}
}

// A gateway has an access log of its own, with the names that its server knows. --access-log -
// writes it to the log of the program.
func TestAccessLogOfAGateway(t *testing.T) {
	file, callers := keysFile(t)
	p := startServe(t, t.TempDir(), "--keys-file", file, "--anonymous", "read")
	g := startGateway(t, p, "--access-log", "-")
	site := &doors{http: g.http + "k/" + keyOf(callers, access.Write) + "/"}
	uploadForm(t, site, []byte("no torrent"))
	g.awaitLog(t, "msg=access door=form method=POST path=/k/{key}/autoupload.php info_hash=none status=200 reason=TORRENT_INVALID received=")
	g.awaitLog(t, " key=write\n")
	httpGet(t, g.http)
	g.awaitLog(t, "path=/ info_hash=none status=200 reason=none")
	g.awaitLog(t, " key=anonymous\n")
	for n, path := range []string{"", "api/torrage.wsdl", "livez"} {
		code, _, _ := httpGet(t, g.http+"k/WRONG/"+path)
		if code != http.StatusUnauthorized {
			t.Errorf("GET /k/WRONG/%s: %d", path, code)
		}
		for deadline := time.Now().Add(patience); strings.Count(g.stderr.String(), " key=none\n") <= n; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the log has not %d lines with a wrong key: %s", n+1, g.stderr)
			}
		}
	}
	p.kill(t)
	if code, _, page := httpGet(t, g.http+"k/WRONG/"); code != http.StatusOK {
		t.Errorf("a page while the server is away: %d %s", code, page)
	}
}

// The log names a client by its certificate, on the fast path too.
func TestAccessLogNamesCertificates(t *testing.T) {
	s := newSecured(t)
	log := filepath.Join(t.TempDir(), "access.log")
	p, clients := s.serveAlice(t, "read,write", "--access-log", log)
	torrent := torrenttest.V1("a")
	if _, refusal := uploadRaw(t, &doors{http: p.http}, torrent); refusal != "" {
		t.Fatal(refusal)
	}
	for _, http2 := range []bool{false, true} {
		c := &tls.Config{RootCAs: s.authority.Pool(), Certificates: []tls.Certificate{clients.Issue(t, "alice.example").Pair(t)}}
		transport := &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: http2}
		for range 3 { // the first fills the cache
			get, err := http.NewRequest(http.MethodGet, p.https+"torrent/"+infoHash(torrent)+".torrent", nil)
			if err != nil {
				t.Fatal(err)
			}
			if code, _, _ := send(t, transport, get); code != http.StatusOK {
				t.Errorf("%d", code)
			}
		}
		transport.CloseIdleConnections()
	}
	for _, line := range accessLines(t, log, 7)[1:] {
		if !strings.Contains(line, "door=download") || !strings.HasSuffix(line, "key=alice") {
			t.Error(line)
		}
	}
	if fast := p.metric(t, `torrentcache_fast_path_requests_total{code="200"}`); fast == "0" {
		t.Error("none was answered on the fast path")
	}
}
