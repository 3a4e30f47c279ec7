package soapcompat_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/soapcompat"
)

// newProxied returns the door behind a proxy with the address 10.0.0.1, and its log.
func newProxied(t *testing.T, publicURL string) (http.Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	h := newDoor(t, soapcompat.Options{Client: &fakeBackend{}, MaxTorrentSize: maxTorrentSize, Logger: logger}, publicURL)
	return front.New(front.Options{
		Routes: h.Routes(), Limits: limit.New(limit.Settings{}), Logger: logger,
		Proxies: origin.Proxies{netip.MustParsePrefix("10.0.0.1/32")},
	}), &log
}

func TestWSDLBehindAProxy(t *testing.T) {
	type headers = map[string]string
	const proxy, stranger = "10.0.0.1", "10.0.0.2"
	const public, private, unnamed = "https://public.example", "have it pass Host", "--trusted-proxies does not name"
	for name, c := range map[string]struct {
		publicURL, peer, host string
		headers               headers
		want, warning         string
	}{
		"believed":                       {"", proxy, "127.0.0.1:8080", headers{"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example"}, "https://a.example", ""},
		"believed, and private":          {"", proxy, "backend", headers{"X-Forwarded-Host": "192.168.1.5"}, "http://192.168.1.5", ""},
		"believed, before public URL":    {public, proxy, "127.0.0.1:8080", headers{"X-Forwarded-Host": "a.example"}, "http://a.example", ""},
		"Host as it came":                {"", proxy, "a.example", headers{"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}, "https://a.example", ""},
		"Host replaced":                  {"", proxy, "127.0.0.1:8080", headers{"X-Forwarded-For": "192.0.2.1"}, "http://127.0.0.1:8080", private},
		"Host replaced by a name":        {"", proxy, "backend", headers{"X-Forwarded-Proto": "https"}, "https://backend", private},
		"Host replaced, IPv6":            {"", proxy, "[fd00::1]", headers{"Forwarded": "for=192.0.2.1"}, "http://[fd00::1]", private},
		"Host replaced, public URL":      {public, proxy, "127.0.0.1:8080", headers{"X-Forwarded-For": "192.0.2.1"}, public, ""},
		"not believed":                   {"", stranger, "a.example", headers{"X-Forwarded-Proto": "https"}, "http://a.example", unnamed},
		"not believed, public URL":       {public, stranger, "a.example", headers{"X-Forwarded-Proto": "https"}, "http://a.example", ""},
		"not believed, a Host":           {"", stranger, "a.example", headers{"X-Forwarded-Host": "b.example"}, "http://a.example", ""},
		"not believed, Host replaced":    {"", stranger, "localhost:8080", headers{"X-Forwarded-Host": "a.example"}, "http://localhost:8080", private},
		"a client's address, as ever":    {"", stranger, "a.example", headers{"X-Forwarded-For": "192.0.2.1"}, "http://a.example", ""},
		"a script on the machine":        {"", stranger, "127.0.0.1:8080", nil, "http://127.0.0.1:8080", ""},
		"a script there, and public URL": {public, stranger, "127.0.0.1:8080", nil, "http://127.0.0.1:8080", ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, log := newProxied(t, c.publicURL)
			for _, target := range [][2]string{{"/api/torrage.wsdl", "/api/index.php"}, {"/api/cache.wsdl", "/api/soap"}, {"/k/KEY/api/cache.wsdl", "/k/KEY/api/soap"}} {
				r := httptest.NewRequest(http.MethodGet, target[0], nil)
				r.RemoteAddr, r.Host = c.peer+":5000", c.host
				for name, value := range c.headers {
					r.Header.Set(name, value)
				}
				if got := parseWSDL(t, do(h, r)).Service.Port.Address.Location; got != c.want+target[1] {
					t.Errorf("got %s, want %s", got, c.want+target[1])
				}
			}
			if c.warning == "" && log.Len() > 0 || c.warning != "" && !strings.Contains(log.String(), c.warning) {
				t.Errorf("log is %q, want %q", log, c.warning)
			}
			if n := strings.Count(log.String(), "\n"); n > 1 || strings.Contains(log.String(), c.peer) || strings.Contains(log.String(), c.host) {
				t.Errorf("%d lines, or an address in the log: %s", n, log)
			}
		})
	}
}

func TestOneWarningOfProxies(t *testing.T) {
	h, log := newProxied(t, "")
	for _, host := range []string{"a.example", "127.0.0.1"} {
		r := httptest.NewRequest(http.MethodGet, "/api/torrage.wsdl", nil)
		r.Host = host
		r.Header.Set("X-Forwarded-Proto", "https")
		do(h, r)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings: %s", n, log)
	}
}
