package client_test

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// The error for a wrong address says what answers there, without grpc's wrappings.
func TestNoServerThere(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secure.StartTLS()
	defer secure.Close()
	for url, want := range map[string]string{web.URL: "speaks no gRPC", secure.URL: "as a server with TLS does", closed.URL: "no server answers: dial tcp", "no-such-host.invalid:1": "has no address"} {
		c, err := client.Dial(url[strings.LastIndex(url, "/")+1:], client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Cache(t.Context(), torrenttest.V1("x"))
		if err == nil || client.Reason(err) != "OVERLOADED" || client.Untrusted(err) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "desc =") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// The error for an untrusted server certificate says why it is untrusted, without grpc's wrappings.
func TestCertificateThatIsNotTrusted(t *testing.T) {
	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.EnableHTTP2 = true
	web.StartTLS()
	defer web.Close()
	c, err := client.Dial(strings.TrimPrefix(web.URL, "https://"), client.Options{TLS: &tls.Config{MinVersion: tls.VersionTLS12}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Cache(t.Context(), torrenttest.V1("x"))
	if err == nil || !client.Untrusted(err) || !strings.Contains(err.Error(), "the server's certificate cannot be trusted: x509: ") || strings.Contains(err.Error(), "desc =") {
		t.Errorf("got %v", err)
	}
}
