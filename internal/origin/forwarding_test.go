package origin_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/torrentcache/torrentcache/internal/origin"
)

func TestAsked(t *testing.T) {
	type headers = http.Header
	const proxy, stranger = "10.0.0.1:5000", "203.0.113.9:5000"
	for name, c := range map[string]struct {
		peer    string
		tls     bool
		headers headers
		want    string
	}{
		"no proxy":                   {stranger, false, nil, "http://inside:8080"},
		"no proxy, TLS":              {stranger, true, nil, "https://inside:8080"},
		"believed":                   {proxy, false, headers{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"cache.example"}}, "https://cache.example"},
		"scheme alone":               {proxy, false, headers{"X-Forwarded-Proto": {"HTTPS"}}, "https://inside:8080"},
		"host alone, with a port":    {proxy, false, headers{"X-Forwarded-Host": {"[2001:db8::7]:81"}}, "http://[2001:db8::7]:81"},
		"http by a proxy with TLS":   {proxy, true, headers{"X-Forwarded-Proto": {"http"}}, "http://inside:8080"},
		"not believed":               {stranger, false, headers{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"cache.example"}}, "http://inside:8080"},
		"not believed, TLS":          {stranger, true, headers{"X-Forwarded-Proto": {"http"}}, "https://inside:8080"},
		"not believed for its proxy": {stranger, false, headers{"X-Forwarded-For": {"10.0.0.1"}, "X-Forwarded-Proto": {"https"}}, "http://inside:8080"},
		"two lines":                  {proxy, false, headers{"X-Forwarded-Proto": {"https", "http"}, "X-Forwarded-Host": {"a.example", "b.example"}}, "http://inside:8080"},
		"lists":                      {proxy, false, headers{"X-Forwarded-Proto": {"https, http"}, "X-Forwarded-Host": {"a.example, b.example"}}, "http://inside:8080"},
		"neither scheme nor host":    {proxy, false, headers{"X-Forwarded-Proto": {"ftp"}, "X-Forwarded-Host": {"user@a.example/path"}}, "http://inside:8080"},
		"empty":                      {proxy, false, headers{"X-Forwarded-Proto": {""}, "X-Forwarded-Host": {""}}, "http://inside:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr, r.Host = c.peer, "inside:8080"
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			for name, values := range c.headers {
				r.Header[name] = values
			}
			handler := origin.Proxies(networks(t, "10.0.0.0/8")).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if scheme, host := origin.Asked(r); scheme+"://"+host != c.want {
					t.Errorf("asked for %s://%s, want %s", scheme, host, c.want)
				}
				f, ok := origin.ForwardingOf(r)
				if ok != (len(c.headers) > 0) || f.Believed != (ok && c.peer == proxy) {
					t.Errorf("the context tells %v %+v", ok, f)
				}
				if r.Host != "inside:8080" {
					t.Errorf("Host became %s", r.Host)
				}
			}))
			handler.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}
