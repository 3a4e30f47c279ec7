//go:build unix

package main

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
)

// A server gets a certificate for the name of its public URL from an authority that asks on either
// port. It keeps the certificate, and does not ask a second time.
func TestACME(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			const name = "cache.example"
			authority := certtest.NewACME(t, challenge)
			// The program trusts the system's authorities; SSL_CERT_FILE names others.
			env := []string{"SSL_CERT_FILE=" + writeFile(t, t.TempDir(), "ca.pem", authority.CA())}
			args := append([]string{"serve", "--grpc-addr", "127.0.0.1:0", "--grpc-tls", "on", "--data-dir", t.TempDir(),
				"--https-addr", "127.0.0.1:0", "--public-url", "https://" + name, "--acme", "on", "--acme-dir", t.TempDir(),
				"--acme-email", "admin@cache.example", "--acme-directory", authority.URL + "/directory"}, anyPort...)
			for n := range 2 {
				p := start(t, env, args...)
				authority.Addresses[name] = hostOf(p.https)
				if challenge == "http-01" {
					authority.Addresses[name] = strings.Trim(strings.TrimPrefix(p.http, "http://"), "/")
				}
				if _, err := tls.Dial("tcp", hostOf(p.https), &tls.Config{RootCAs: authority.Authority.Pool(), ServerName: "other.example"}); err == nil {
					t.Error("another name was answered")
				}
				for _, address := range []string{hostOf(p.https), p.grpc} {
					conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: authority.Authority.Pool(), ServerName: name, NextProtos: []string{"h2"}})
					if err != nil {
						t.Fatalf("start %d, %s: %v", n, address, err)
					}
					conn.Close()
				}
				p.kill(t)
			}
			if got := authority.Orders(); got != 1 {
				t.Errorf("%d certificates were asked for, want 1", got)
			}
		})
	}
}

// While an authority gives no certificate, the log, the metrics and /readyz say so and why, and
// plain HTTP goes on.
func TestACMEWithoutAnAnswer(t *testing.T) {
	broken := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of order", http.StatusInternalServerError)
	}))
	defer broken.Close()
	silent := httptest.NewTLSServer(http.NotFoundHandler())
	silent.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: broken.Certificate().Raw})
	env := []string{"SSL_CERT_FILE=" + writeFile(t, t.TempDir(), "ca.pem", ca)}
	for says, url := range map[string]string{"500": broken.URL, "connection refused": silent.URL} {
		p := start(t, env, append([]string{"serve", "--grpc-addr", "off", "--data-dir", t.TempDir(), "--https-addr", "127.0.0.1:0",
			"--public-url", "https://cache.example", "--acme", "on", "--acme-dir", t.TempDir(), "--acme-directory", url + "/directory"}, anyPort...)...)
		const refused = "torrentcache_certificate_refused"
		if got := p.metric(t, refused); got != "0" {
			t.Errorf("%s before anybody came: %s", refused, got)
		}
		if conn, err := tls.Dial("tcp", hostOf(p.https), &tls.Config{ServerName: "cache.example", InsecureSkipVerify: true}); err == nil {
			conn.Close()
			t.Error("there is a certificate")
		}
		p.awaitLog(t, "the authority gave no certificate: no client can connect by TLS until it does")
		p.awaitLog(t, says)
		if got := p.metric(t, refused); got != "1" {
			t.Errorf("%s: %s", refused, got)
		}
		code, _, body := httpGet(t, p.admin+"readyz")
		if code != http.StatusOK || !strings.Contains(string(body), "the authority gave no certificate") || !strings.Contains(string(body), says) {
			t.Errorf("/readyz: %d %s", code, body)
		}
		if code, _, _ := httpGet(t, p.http); code != http.StatusOK {
			t.Errorf("plain HTTP: %d", code)
		}
	}
}
