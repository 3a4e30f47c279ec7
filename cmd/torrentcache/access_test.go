package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// Each caller makes each call at each door. The roles decide which calls are refused.
func TestEachRoleAtEachCallAtEachDoor(t *testing.T) {
	file, callers := keysFile(t)
	for text, anonymous := range map[string]access.Roles{"none": 0, "auto": access.Read, "read,write": access.Read | access.Write} {
		t.Run("anonymous "+text, func(t *testing.T) {
			p := startServe(t, t.TempDir(), "--keys-file", file, "--anonymous", text)
			token := writeFile(t, t.TempDir(), "token", []byte(keyOf(callers, access.Sync)+"\n"))
			edge := startGateway(t, p, "--backend-token-file", token)
			torrent := torrenttest.V1("kept")
			upload := publicCalls(t, torrent)["raw upload"]
			if code, _, body := upload.make(t, p.http, showings[0], keyOf(callers, access.Write)); code != http.StatusCreated {
				t.Fatalf("%d %s", code, body)
			}
			checkGRPC(t, p, torrent, callers, anonymous)
			checkHTTP(t, p.http, publicCalls(t, torrent), callers, anonymous, showings)
			checkHTTP(t, edge.http, publicCalls(t, torrent), callers, anonymous, showings)
			checkHTTP(t, p.admin, operatorCalls, callers, anonymous, showings[:2])
			for _, log := range []string{p.stderr.String(), edge.stderr.String()} {
				for _, who := range callers {
					if who.key != "" && strings.Contains(log, who.key) {
						t.Errorf("the log has a key:\n%s", log)
					}
				}
			}
		})
	}
}

// No cache keeps downloads that are not for everybody, neither behind the server's own fast path
// nor in front of it.
func TestDownloadsWithKeysAndTheFastPath(t *testing.T) {
	file, callers := keysFile(t)
	for text, scope := range map[string]string{"none": "private", "read": "public"} {
		t.Run("anonymous "+text, func(t *testing.T) {
			p := startServe(t, t.TempDir(), "--keys-file", file, "--anonymous", text, "--download-max-age", "1h")
			token := writeFile(t, t.TempDir(), "token", []byte(keyOf(callers, access.Sync)))
			edge := startGateway(t, p, "--backend-token-file", token, "--download-max-age", "1h")
			torrent := torrenttest.V1("kept")
			calls := publicCalls(t, torrent)
			if code, _, body := calls["raw upload"].make(t, p.http, showings[0], keyOf(callers, access.Write)); code != http.StatusCreated {
				t.Fatalf("%d %s", code, body)
			}
			for _, site := range []string{p.http, edge.http} {
				for range 3 { // all rounds but the first find a kept answer
					for _, name := range []string{"download", "titled download", "JSON get"} {
						code, header, _ := calls[name].make(t, site, showings[0], keyOf(callers, access.Read))
						if code != http.StatusOK {
							t.Errorf("%s with the key: %d", name, code)
						}
						want := scope + ", max-age=3600"
						if name == "titled download" {
							want = scope + ", max-age=300"
						}
						if got := header.Get("Cache-Control"); name != "JSON get" && got != want {
							if site != edge.http || scope != "public" { // which may not have heard of it yet
								t.Errorf("%s with the key: Cache-Control %q", name, got)
							}
						}
						code, _, _ = calls[name].make(t, site, showings[0], "")
						if (code == http.StatusOK) != (text == "read") {
							t.Errorf("%s by nobody: %d", name, code)
						}
						code, header, _ = calls[name].make(t, site, showings[0], access.NewKey())
						if code != http.StatusUnauthorized || header.Get("Cache-Control") != "no-store" {
							t.Errorf("%s with a wrong key: %d, Cache-Control %q", name, code, header.Get("Cache-Control"))
						}
					}
				}
			}
			_, _, metrics := httpGet(t, p.admin+"metrics")
			if fast := strings.Contains(string(metrics), `torrentcache_fast_path_requests_total{code="200"} 0`) ||
				!strings.Contains(string(metrics), "torrentcache_fast_path_requests_total"); fast != (text == "none") {
				t.Errorf("the fast path is out of use: %v", fast)
			}
		})
	}
}

// A client that may not upload is told so before its body is read, in the door's own words.
func TestUploadIsRefusedBeforeItsBody(t *testing.T) {
	file, _ := keysFile(t)
	p := startServe(t, t.TempDir(), "--keys-file", file)
	for name, call := range publicCalls(t, torrenttest.V1("a")) {
		if call.role != access.Write {
			continue
		}
		conn, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(p.http, "http://"), "/"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 100000\r\nExpect: 100-continue\r\n\r\n", call.path, call.contentType)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
		conn.Close()
	}
}

// A script that can change only its host name can give its key in the path. The WSDL that it reads
// has addresses with the key.
func TestKeyInThePath(t *testing.T) {
	file, callers := keysFile(t)
	p := startServe(t, t.TempDir(), "--keys-file", file, "--log-level", "debug")
	key, torrent := keyOf(callers, access.Write), torrenttest.V1("by path")
	base := p.http + "k/" + key
	for _, wsdl := range []string{"/api/torrage.wsdl", "//api/torrage.wsdl", "/api/index.php?wsdl", "/api/cache.wsdl"} {
		code, _, body := httpGet(t, base+wsdl)
		if want := `location="` + base + "/api/"; code != http.StatusOK || !bytes.Contains(body, []byte(want)) {
			t.Errorf("%s: %d, no %s in %s", wsdl, code, want, body)
		}
	}
	for name, up := range map[string]upload{"form": uploadForm, "SOAP": uploadSOAP, "raw": uploadRaw, "JSON": uploadJSON} {
		for _, tail := range []string{"/", "//"} {
			if hash, refusal := up(t, &doors{http: base + tail}, torrent); hash != infoHash(torrent) {
				t.Errorf("%s: %s", name, refusal)
			}
		}
	}
	if got, refusal := fetchDownload(t, &doors{http: base + "/"}, infoHash(torrent)); !bytes.Equal(got, torrent) {
		t.Errorf("download: %s", refusal)
	}
	_, _, page := httpGet(t, base+"/")
	for _, kept := range []string{`action="/k/` + key + `/upload.php"`, `action="/k/` + key + `/lookup"`, `href="/k/` + key + `/automation"`} {
		if !bytes.Contains(page, []byte(kept)) {
			t.Errorf("the page loses the key: no %s in %s", kept, page)
		}
	}
	if _, _, page := httpGet(t, base+"/info/"+infoHash(torrent)); !bytes.Contains(page, []byte(`href="/torrent/`+infoHash(torrent)+`.torrent"`)) {
		t.Errorf("the address of the download has the key: %s", page)
	}
	if _, refusal := uploadForm(t, &doors{http: p.http + "k/wrong/"}, torrent); refusal != "401 Error 113" {
		t.Errorf("a wrong key: %s", refusal)
	}
	if _, refusal := uploadForm(t, &doors{http: p.http + "k//"}, torrent); refusal != "401 Error 113" {
		t.Errorf("an empty key: %s", refusal)
	}
	httpGet(t, base+"/torrent/%00%0d%0a")
	httpGet(t, base+"/no/such/path")
	_, _, metrics := httpGet(t, p.admin+"metrics")
	if bytes.Contains(metrics, []byte(key)) || strings.Contains(p.stderr.String(), key) {
		t.Errorf("the key is in the metrics or in the log:\n%s", p.stderr)
	}
	if !bytes.Contains(metrics, []byte(`door="form"`)) || !bytes.Contains(metrics, []byte(`door="soap"`)) {
		t.Error("the metrics do not tell the doors behind a key apart")
	}
}

// A page of another site cannot upload with the password that a browser remembers.
func TestPagesOfOtherSitesCannotUploadWithAPassword(t *testing.T) {
	file, callers := keysFile(t)
	p := startServe(t, t.TempDir(), "--keys-file", file)
	call := publicCalls(t, torrenttest.V1("a"))["browser's form"]
	from := func(site string) showing {
		return showing{site, func(r *http.Request, key string) {
			r.SetBasicAuth("", key)
			r.Header.Set("Sec-Fetch-Site", site)
		}}
	}
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": http.StatusOK} {
		if code, _, body := call.make(t, p.http, from(site), keyOf(callers, access.Write)); code != want {
			t.Errorf("%s: %d %s", site, code, body)
		}
	}
	for name, want := range map[string]struct{ contentType, text string }{
		"form":           {"text/plain; charset=utf-8", "Error 113: Not allowed. Another site's page sent this"},
		"browser's form": {"text/html; charset=utf-8", "Not allowed. Another site&#39;s page sent this"},
		"SOAP":           {"text/xml; charset=utf-8", "<faultstring>Not allowed. Another site&#39;s page sent this"},
		"literal SOAP":   {"text/xml; charset=utf-8", "<faultstring>Not allowed. Another site&#39;s page sent this"},
		"raw upload":     {"application/json", `"reason":"PERMISSION_DENIED"`},
	} {
		code, header, body := publicCalls(t, torrenttest.V1("a"))[name].make(t, p.http, from("cross-site"), keyOf(callers, access.Write))
		text := strings.ReplaceAll(string(body), `": "`, `":"`)
		if code != http.StatusForbidden || header.Get("Content-Type") != want.contentType || !strings.Contains(text, want.text) {
			t.Errorf("%s: %d %s %s, want 403 %+v", name, code, header.Get("Content-Type"), text, want)
		}
	}
}

// A page of another site cannot upload by the network of its visitors either, here or through a
// gateway.
func TestPagesOfOtherSitesCannotUploadByTheNetwork(t *testing.T) {
	keys := writeFile(t, t.TempDir(), "keys", []byte("office write address:127.0.0.0/8\n"))
	p := startServe(t, t.TempDir(), "--keys-file", keys, "--trusted-proxies", "127.0.0.1")
	call := publicCalls(t, torrenttest.V1("a"))["browser's form"]
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": http.StatusOK} {
		from := showing{site, func(r *http.Request, _ string) { r.Header.Set("Sec-Fetch-Site", site) }}
		for name, door := range map[string]*process{"server": p, "gateway": startGateway(t, p)} {
			if code, _, body := call.make(t, door.http, from, "none"); code != want {
				t.Errorf("%s, %s: %d %s", name, site, code, body)
			}
		}
	}
}

// Without keys a 2010 script works unchanged, even if a proxy before the server adds a key.
func TestWithoutKeysEverybodyReadsAndWrites(t *testing.T) {
	p := startServe(t, t.TempDir())
	torrent := torrenttest.V1("a")
	p.mustUpload(t, torrent)
	for name, call := range publicCalls(t, torrent) {
		for _, key := range []string{"", "of-a-proxy"} {
			if code, _, body := call.make(t, p.http, showings[1], key); code >= 400 {
				t.Errorf("%s: %d %s", name, code, body)
			}
		}
	}
	for name, call := range operatorCalls {
		if code, _, body := call.make(t, p.admin, showings[0], ""); code >= 400 && name != "restore" {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	checkGRPC(t, p, torrent, []caller{{name: "nobody"}}, access.Read|access.Write|access.Admin)
}

// The commands show the key of --token, --token-file and TORRENTCACHE_TOKEN.
func TestCommandsShowTheirKey(t *testing.T) {
	file, callers := keysFile(t)
	p := startServe(t, t.TempDir(), "--keys-file", file, "--anonymous", "none")
	torrent := torrenttest.V1("a")
	dir := t.TempDir()
	torrentFile := writeFile(t, dir, "a.torrent", torrent)
	key := func(role access.Roles) string { return keyOf(callers, role) }
	tokenFile := writeFile(t, dir, "token", []byte(key(access.Admin)+"\n"))
	for _, c := range []struct {
		env    []string
		args   []string
		status int
		says   string
	}{
		{nil, []string{"push", "--server", p.grpc, torrentFile}, 1, "UNAUTHENTICATED"},
		{nil, []string{"push", "--server", p.grpc, "--token", key(access.Write), torrentFile}, 0, ""},
		{[]string{"TORRENTCACHE_TOKEN=" + key(access.Write)}, []string{"push", "--server", p.grpc, torrentFile}, 0, ""},
		{[]string{"TORRENTCACHE_TOKEN=" + key(access.Write)}, []string{"get", "--server", p.grpc, "--out-dir", dir, infoHash(torrent)}, 1, "PERMISSION_DENIED"},
		{[]string{"TORRENTCACHE_TOKEN=" + key(access.Read)}, []string{"info", "--server", p.grpc, infoHash(torrent)}, 0, ""},
		{nil, []string{"stats", "--admin", p.adminAddress(t)}, 1, "UNAUTHENTICATED"},
		{nil, []string{"stats", "--admin", p.adminAddress(t), "--token-file", tokenFile}, 0, ""},
		{[]string{"TORRENTCACHE_TOKEN_FILE=" + tokenFile}, []string{"verify", "--admin", p.adminAddress(t)}, 0, ""},
		{[]string{"TORRENTCACHE_TOKEN=x"}, []string{"stats", "--admin", p.adminAddress(t), "--token-file", tokenFile}, 1, "want one of them"},
		{nil, []string{"remove", "--admin", p.adminAddress(t), "--token", key(access.Admin), infoHash(torrent)}, 0, ""},
		{nil, []string{"stats", "--admin", p.adminAddress(t), "--token-file", filepath.Join(dir, "none")}, 1, "--token-file"},
	} {
		status, stdout, stderr := runToEnd(t, c.env, c.args...)
		if (status == 0) != (c.status == 0) || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("%v: status %d, %s%s", c.args, status, stdout, stderr)
		}
	}
}

// The commands that make a keys file, and a server that reads it.
func TestKeyCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	status, stdout, stderr := runToEnd(t, nil, "key", "new", "--name", "site", "--role", "write,admin", "--keys-file", file)
	key := strings.TrimSpace(stdout)
	if status != 0 || !strings.HasPrefix(key, "tc_") || strings.Contains(stderr, key) {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	_, shown, _ := runToEnd(t, nil, "key", "new", "--name", "other", "--role", "read")
	_, line, _ := strings.Cut(shown, "\n")
	old, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(old), key) {
		t.Fatalf("%s, %v", old, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(file, append(old, strings.TrimSpace(line)...), 0o600); err != nil { // without a line feed
		t.Fatal(err)
	}
	runToEnd(t, nil, "key", "new", "--name", "site", "--role", "sync", "--keys-file", file)
	status, list, stderr := runToEnd(t, []string{"TORRENTCACHE_KEYS_FILE=" + file}, "key", "list")
	if status != 0 || strings.Count(list, "\n") != 3 || strings.Count(list, "site ") != 2 || !strings.Contains(list, "write,admin") {
		t.Errorf("status %d, %s%s", status, list, stderr)
	}
	p := startServe(t, t.TempDir(), "--keys-file", file)
	if code, _, body := publicCalls(t, torrenttest.V1("a"))["form"].make(t, p.http, showings[1], key); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	for _, args := range [][]string{
		{"new", "--name", "a"}, {"new", "--role", "read"}, {"new", "--name", "a", "--role", "none"}, {"new", "--name", "a b", "--role", "read"},
		{"list"}, {"list", "--keys-file", t.TempDir()},
		{"new", "--name", "a", "--role", "read", "--keys-file", writeFile(t, t.TempDir(), "bad", []byte("a b c"))},
	} {
		if status, stdout, stderr := runToEnd(t, nil, append([]string{"key"}, args...)...); status == 0 || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, %q, %q", args, status, stdout, stderr)
		}
	}
}
