//go:build e2e

package test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// proxy is a reverse proxy that runs with a recipe of docs/operations.md in a folder of its own.
type proxy struct {
	name string
	// config makes a complete configuration from the recipe. The recipe already has the final
	// addresses.
	config  func(dir, recipe string) string
	command func(dir, address string) []string
}

// The proxies that make test runs come first.
var proxies = []proxy{
	{"nginx", nginxConfig, func(dir, _ string) []string { return []string{"nginx", "-p", dir, "-c", dir + "/config"} }},
	{"haproxy", recipeAlone, func(dir, _ string) []string { return []string{"haproxy", "-db", "-f", dir + "/config"} }},
	{"apache", apacheConfig, func(dir, _ string) []string {
		return []string{"apache2", "-D", "FOREGROUND", "-d", dir, "-f", dir + "/config"}
	}},
	{"caddy", recipeAlone, func(dir, _ string) []string {
		return []string{"env", "HOME=" + dir, "caddy", "run", "--adapter", "caddyfile", "--config", dir + "/config"}
	}},
	{"varnish", recipeAlone, func(dir, address string) []string {
		return []string{"varnishd", "-j", "none", "-F", "-n", dir, "-a", address, "-f", dir + "/config", "-T", "none"}
	}},
}

func recipeAlone(_, recipe string) string { return recipe }

func nginxConfig(_, recipe string) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	return "daemon off; worker_processes 1; pid nginx.pid; error_log stderr error; " + user + ` events { }
http {
access_log off;
client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
` + recipe + "}\n"
}

func apacheConfig(dir, recipe string) string {
	modules := os.Getenv("TORRENTCACHE_TEST_APACHE_MODULES")
	if modules == "" {
		modules = "/usr/lib/apache2/modules"
	}
	listen := regexp.MustCompile(`<VirtualHost ([^>]+)>`).FindStringSubmatch(recipe)[1]
	config := "ServerName localhost\nListen " + listen + "\nPidFile " + dir + "/pid\nErrorLog " + dir + "/log\nMutex file:" + dir + "\n"
	for _, module := range []string{"mpm_event", "authz_core", "headers", "proxy", "proxy_http"} {
		config += "LoadModule " + module + "_module " + modules + "/mod_" + module + ".so\n"
	}
	return config + recipe
}

func TestProxies(t *testing.T) {
	t.Parallel()
	tried := append([]string{"nginx", "haproxy"}, strings.Fields(os.Getenv("TORRENTCACHE_TEST_PROXIES"))...)
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	recipes := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)<!-- proxy: (\\w+) -->\n```\\w+\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		recipes[block[1]] = block[2]
	}
	for _, p := range proxies {
		if recipes[p.name] == "" {
			t.Errorf("no recipe for %s", p.name)
		}
		for _, name := range tried {
			if name == p.name {
				t.Run(name, func(t *testing.T) { testProxy(t, p, recipes[name]) })
			}
		}
	}
}

func testProxy(t *testing.T, p proxy, recipe string) {
	s := startServer(t, "--trusted-proxies", "127.0.0.1")
	proxied := &server{HTTP: startProxy(t, p, recipe, s.HTTP)}
	seed := uint64(8000 + 100*len(p.name))
	for i, client := range []legacyClient{
		soapScript("PHP SoapClient", "php", "-d", "soap.wsdl_cache_enabled=0", "soap.php"),
		formScript("curl, Expect", []string{"sh", "autoupload.sh"}, "-H", "Expect: 100-continue"),
		formScript("curl, chunked", []string{"sh", "autoupload.sh"}, "-H", "Transfer-Encoding: chunked"),
	} {
		t.Run(client.name, func(t *testing.T) {
			testGoodUploads(t, proxied, client, seed+uint64(10*i))
			testBadUploads(t, proxied, client)
		})
	}
	forged := []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "forged.example"}
	if wsdl := mustFetch(t, "http://"+proxied.HTTP+"/api/torrage.wsdl", forged...); !bytes.Contains(wsdl, []byte(`"http://`+proxied.HTTP+`/api/index.php"`)) {
		t.Errorf("the WSDL does not name %s: %s", proxied.HTTP, wsdl)
	}
	testLinks(t, proxied, seed)
	testForgedAddress(t, p, recipe)
}

// testLinks requests links as they are found on the web, with the headers of browsers.
func testLinks(t *testing.T, proxied *server, seed uint64) {
	t.Helper()
	data := torrenttest.Random(seed+99, 20_000)
	hash := parse(t, data).IDs().Legacy().String()
	if status, _, answer := post(t, "http://"+proxied.HTTP+"/v1/torrents", "application/x-bittorrent", data); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	base := "http://" + proxied.HTTP + "/torrent/" + strings.ToLower(hash)
	for _, rest := range []string{"", ".torrent", ".torrent?title=a%20name%2Fb", "/a%20%5Bname%5D%2F%25.torrent", "/[x].torrent", ".torrent?title=%ff;&x"} {
		if got := mustFetch(t, base+rest, "Cookie", "a=b"); !bytes.Equal(got, data) {
			t.Errorf("%s: %d other bytes", rest, len(got))
		}
	}
	if status, body := fetch(t, base+".torrent", "Range", "bytes=10-19"); status != http.StatusPartialContent || !bytes.Equal(body, data[10:20]) {
		t.Errorf("a range: %d, %d bytes", status, len(body))
	}
}

// testForgedAddress sends a different forged client address with each request. If the server
// believed it, each address would have its own rate limit.
func testForgedAddress(t *testing.T, p proxy, recipe string) {
	t.Helper()
	s := startServer(t, "--trusted-proxies", "127.0.0.1", "--trusted-writers", "none", "--download-rate", "1")
	url := "http://" + startProxy(t, p, recipe, s.HTTP) + "/v1/torrents/" + strings.Repeat("0", 40) + "/info"
	for i := range 100 {
		status, body := fetch(t, url, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i), "Forwarded", fmt.Sprintf("for=192.0.2.%d", i))
		switch status {
		case http.StatusTooManyRequests:
			return
		case http.StatusNotFound:
		default:
			t.Fatalf("%d %s", status, body)
		}
	}
	t.Error("the server believes what a client says of its address")
}

// startProxy runs p in front of backend until the test ends, and returns its address.
func startProxy(t *testing.T, p proxy, recipe, backend string) string {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	host, port, _ := strings.Cut(backend, ":")
	recipe = strings.NewReplacer("127.0.0.1:8080", backend, `"8080"`, `"`+port+`"`, `"127.0.0.1"`, `"`+host+`"`,
		"listen 80", "listen "+address, "bind :80", "bind "+address, "*:80", address,
		"http://torrents.example, https://torrents.example", "{\nadmin off\n}\nhttp://"+address).Replace(recipe)
	writeFile(t, dir, "config", []byte(p.config(dir, recipe)))
	command := p.command(dir, address)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // how it ends does not matter
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get("http://" + address + "/readyz"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return address
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come up", p.name)
		}
	}
}
