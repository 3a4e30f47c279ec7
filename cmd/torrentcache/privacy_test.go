//go:build unix

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// No log has the address of a client, however well or badly it behaves. That holds even at the most
// verbose level.
func TestNoLogHasAClientsAddress(t *testing.T) {
	s := newSecured(t)
	p := s.serve(t, "--log-level", "debug")
	public := strings.Trim(strings.TrimPrefix(p.http, "http://"), "/")
	rude := []string{
		"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"POST /autoupload.php HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf", strings.Repeat("x", 100_000), "",
	}
	for _, address := range []string{public, hostOf(p.https), p.grpc, p.adminAddress(t)} {
		for _, bytes := range rude {
			for _, reset := range []bool{false, true} {
				beRude(t, address, bytes, reset)
			}
		}
	}
	for _, address := range []string{hostOf(p.https), p.grpc} {
		if _, err := tls.Dial("tcp", address, &tls.Config{MaxVersion: tls.VersionTLS11}); err == nil {
			t.Error("TLS 1.1 was taken")
		}
	}
	torrent := torrenttest.V1("well behaved")
	if _, refusal := uploadForm(t, &doors{http: p.http}, torrent); refusal != "" {
		t.Fatal(refusal)
	}
	wantStored(t, p, torrent)
	httpDo(t, http.MethodPost, p.http+"autoupload.php", "text/plain", []byte("no form"))
	httpGet(t, p.http+"v1/torrents/nonsense")
	p.signal(t, syscall.SIGTERM)
	p.await(t)
	log := p.stderr.String()
	if !strings.Contains(log, "TLS handshake error") {
		t.Errorf("the log does not even tell that some spoke TLS badly: %s", log)
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "127.0.0.1") || strings.Contains(line, "::1") {
			t.Errorf("an address in the log: %s", line)
		}
	}
}

// beRude sends bytes to address and leaves, at once or when the server has had enough.
func beRude(t *testing.T, address, bytes string, reset bool) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprint(conn, bytes) // the server may have gone by then
	if reset {
		_ = conn.(*net.TCPConn).SetLinger(0)
		return
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}
