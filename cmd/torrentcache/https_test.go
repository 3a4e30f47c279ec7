package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// selfSigned writes a certificate for 127.0.0.1 and its key, and returns their
// files and a pool that trusts it.
func selfSigned(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return writePEM(t, "CERTIFICATE", cert), writePEM(t, "PRIVATE KEY", keyBytes), roots
}

func writePEM(t *testing.T, kind string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHTTPSBesideHTTP(t *testing.T) {
	certFile, keyFile, roots := selfSigned(t)
	p := startServe(t, t.TempDir(), "--https-addr", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	torrent := torrenttest.V1("secure")
	if _, refusal := uploadForm(t, &doors{http: p.http}, torrent); refusal != "" {
		t.Fatal(refusal)
	}
	wantStored(t, p, torrent) // over HTTP, without a redirect

	for i, http2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: http2}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get(p.https + "torrent/" + infoHash(torrent) + ".torrent")
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(body.Bytes(), torrent) {
			t.Errorf("HTTP/2 %v: %s, %d bytes, %v", http2, resp.Status, body.Len(), err)
		}
		if (resp.ProtoMajor == 2) != http2 {
			t.Errorf("HTTP/2 %v: answered in %s", http2, resp.Proto)
		}
		p.wantFast(t, i+2)
	}
}

// wantFast fails the test unless the fast path has answered n downloads. It counts
// after it has answered.
func (p *process) wantFast(t *testing.T, n int) {
	t.Helper()
	want := fmt.Sprintf("torrentcache_fast_path_requests_total{code=\"200\"} %d\n", n)
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		resp, err := http.Get(p.admin + "metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), want) {
			return
		}
		if time.Since(begun) > patience {
			t.Fatalf("%q is not in %s", want, text)
		}
	}
}

func TestHTTPSRefusesOldTLS(t *testing.T) {
	certFile, keyFile, roots := selfSigned(t)
	p := startServe(t, t.TempDir(), "--https-addr", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile)
	address := p.https[len("https://") : len(p.https)-1]
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			conn.Close()
		}
	}
}
