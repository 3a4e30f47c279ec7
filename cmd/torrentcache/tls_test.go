//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/client"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// secured is a certificate of a server in files, whose authority clients trust.
type secured struct {
	authority     *certtest.Authority
	cert, key, ca string // file names
}

func newSecured(t *testing.T) *secured {
	t.Helper()
	dir := t.TempDir()
	s := &secured{authority: certtest.NewAuthority(t), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	s.ca = writeFile(t, dir, "ca.pem", s.authority.Certificate)
	s.issue(t, "first")
	return s
}

// issue replaces the certificate in the files by one of this name.
func (s *secured) issue(t *testing.T, name string) {
	t.Helper()
	s.replace(t, s.authority.Issue(t, name))
}

// replace replaces the certificate in the files.
func (s *secured) replace(t *testing.T, issued certtest.Issued) {
	t.Helper()
	for file, content := range map[string][]byte{s.cert: issued.Certificate, s.key: issued.Key} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// serve starts a server that speaks TLS on both doors.
func (s *secured) serve(t *testing.T, args ...string) *process {
	t.Helper()
	return startServe(t, t.TempDir(), append([]string{"--https-addr", "127.0.0.1:0", "--grpc-tls", "on", "--tls-cert", s.cert, "--tls-key", s.key}, args...)...)
}

// shown returns the name in the certificate that new connections to address see.
func (s *secured) shown(address string) (string, error) {
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: s.authority.Pool(), NextProtos: []string{"h2"}})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func hostOf(url string) string { return strings.Trim(strings.TrimPrefix(url, "https://"), "/") }

// hangUp makes p read everything again, and waits until its log has said so for the
// nth time.
func (p *process) hangUp(t *testing.T, said string, nth int) {
	t.Helper()
	p.signal(t, syscall.SIGHUP)
	deadline := time.After(patience)
	for strings.Count(p.stderr.String(), said) < nth {
		select {
		case <-deadline:
			t.Fatalf("%q was not said %d times: %s", said, nth, p.stderr)
		case <-time.After(time.Millisecond):
		}
	}
}

// hangUpCertificates makes p read the certificates again by a signal, for the nth time. The log may
// tell of the certificates at other times, too, since p looks at the files now and then. But only
// after the signal it tells of the limits, and then of the certificates.
func (p *process) hangUpCertificates(t *testing.T, nth int) {
	t.Helper()
	const limits = "msg=reloaded what=limits"
	p.hangUp(t, limits, nth)
	for deadline := time.Now().Add(patience); !strings.Contains(strings.Split(p.stderr.String(), limits)[nth], "msg=reloaded what=certificates"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the certificates are not reloaded: %s", p.stderr)
		}
	}
}

// Uploads and downloads over HTTP/1.1, HTTP/2 and gRPC, over connections that stay
// and new ones, go on while the certificate is replaced again and again.
func TestCertificateReloadUnderLoad(t *testing.T) {
	s := newSecured(t)
	p := s.serve(t)
	var load sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var calls, connections atomic.Int64
	for i, call := range s.callers(t, p) {
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := call(n); err != nil {
					t.Errorf("caller %d, call %d: %v", i, n, err)
					return
				}
				calls.Add(1)
			}
		})
	}
	load.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.shown(hostOf(p.https)); err != nil {
				t.Errorf("connection %d: %v", connections.Load(), err)
				return
			}
			connections.Add(1)
		}
	})
	const renewals = 20
	for n := range renewals {
		before, connected := calls.Load(), connections.Load()
		name := fmt.Sprintf("renewed-%d", n)
		s.issue(t, name)
		p.hangUpCertificates(t, n+1)
		for _, address := range []string{hostOf(p.https), p.grpc} {
			if got, err := s.shown(address); got != name {
				t.Errorf("%s shows %s, %v; want %s", address, got, err, name)
			}
		}
		for calls.Load() < before+20 || connections.Load() < connected+2 { // a failed call ends its caller and the test
			if t.Failed() {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	stop()
	load.Wait()
	t.Logf("%d calls, %d connections", calls.Load(), connections.Load())
}

// callers are clients of every kind, each of which uploads and downloads.
func (s *secured) callers(t *testing.T, p *process) []func(n int) error {
	t.Helper()
	var callers []func(int) error
	for _, h2 := range []bool{false, true} {
		for _, keep := range []bool{false, true} {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.authority.Pool()}, ForceAttemptHTTP2: h2, DisableKeepAlives: !keep}
			t.Cleanup(transport.CloseIdleConnections)
			site := &http.Client{Transport: transport, Timeout: patience}
			callers = append(callers, func(n int) error { return overHTTPS(site, p.https, torrenttest.V1(fmt.Sprint(h2, keep, n%100))) })
		}
	}
	rpc, err := client.Dial(p.grpc, client.Options{TLS: &tls.Config{RootCAs: s.authority.Pool()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rpc.Close() })
	return append(callers, func(n int) error {
		_, err := rpc.RPC().CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1(fmt.Sprint("rpc", n%100))})
		return err
	})
}

// overHTTPS uploads a torrent and downloads it.
func overHTTPS(site *http.Client, url string, torrent []byte) error {
	for _, r := range []func() (*http.Response, error){
		func() (*http.Response, error) {
			return site.Post(url+"v1/torrents", "application/x-bittorrent", bytes.NewReader(torrent))
		},
		func() (*http.Response, error) { return site.Get(url + "torrent/" + infoHash(torrent) + ".torrent") },
	} {
		resp, err := r()
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode >= 300 {
			return fmt.Errorf("%s %s: %v", resp.Status, body, err)
		}
	}
	return nil
}

func TestABadCertificateLeavesTheOldInForce(t *testing.T) {
	s := newSecured(t)
	p := s.serve(t)
	writeFile(t, filepath.Dir(s.cert), filepath.Base(s.cert), []byte("no certificate"))
	p.hangUp(t, `not reloaded: the old ones stay in force" what=certificates`, 1)
	if !strings.Contains(p.stderr.String(), s.cert) {
		t.Errorf("the log does not name the file: %s", p.stderr)
	}
	if got, err := s.shown(hostOf(p.https)); got != "first" {
		t.Errorf("shows %s, %v", got, err)
	}
}

// The commands, and a gateway, over TLS.
func TestGRPCOverTLS(t *testing.T) {
	s := newSecured(t)
	p := s.serve(t)
	torrent := torrenttest.V1("secret way")
	file := writeFile(t, t.TempDir(), "a.torrent", torrent)
	for name, c := range map[string]struct {
		args   []string
		status int
	}{
		"trusting":     {[]string{"--tls", "--ca", s.ca}, 0},
		"not trusting": {[]string{"--tls", "--patience", "1h"}, 1},
		"in the clear": {[]string{"--patience", "1ms"}, 1},
		"no such file": {[]string{"--tls", "--ca", s.ca + "x"}, 1},
		"CA alone":     {[]string{"--ca", s.ca}, 0},
		"not a list":   {[]string{"--tls", "--ca", s.key}, 1},
	} {
		if status, _, stderr := runToEnd(t, nil, append([]string{"push", "--server", p.grpc, file}, c.args...)...); status != c.status {
			t.Errorf("%s: exit status %d, want %d: %s", name, status, c.status, stderr)
		}
	}
	wantStored(t, p, torrent)
	gateway := startGateway(t, p, "--backend-tls", "--backend-ca", s.ca)
	wantStored(t, gateway, torrent)
}

// A command does not wait for a certificate that it cannot verify. It ends and says what to
// change.
func TestCertificatesThatCannotBeVerified(t *testing.T) {
	s := newSecured(t)
	p := s.serve(t)
	file := writeFile(t, t.TempDir(), "a.torrent", torrenttest.V1("a"))
	ended := newSecured(t)
	ended.replace(t, ended.authority.IssueUntil(t, "cache.example", time.Now().Add(-time.Minute)))
	_, port, err := net.SplitHostPort(p.grpc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, server string
		args         []string
		want         string
	}{
		{"an unknown authority", p.grpc, []string{"--tls"}, "unknown authority; name the file with the certificate of its authority by --ca FILE"},
		{"another name", "localhost:" + port, []string{"--ca", s.ca}, "not localhost; give in --server a host name that the certificate has"},
		{"one that has ended", ended.serve(t).grpc, []string{"--ca", ended.ca}, "; its operator has to replace it"},
	} {
		for _, command := range [][]string{{"push", file, "--patience", "1h"}, {"changes", "--follow"}, {"get", strings.Repeat("ab", 20)}} {
			status, _, stderr := runToEnd(t, nil, append(append(command, "--server", c.server), c.args...)...)
			if status == 0 || strings.Count(stderr, "cannot be trusted: x509: ") != 1 || !strings.Contains(stderr, c.want) {
				t.Errorf("%s, %s: %d %s", c.name, command[0], status, stderr)
			}
		}
	}
}

// serveAlice starts a server that knows alice by a certificate that clients has issued
// for alice.example; others have the roles anonymous.
func (s *secured) serveAlice(t *testing.T, anonymous string, args ...string) (p *process, clients *certtest.Authority) {
	t.Helper()
	clients = certtest.NewAuthority(t)
	dir := t.TempDir()
	ca := writeFile(t, dir, "clients.pem", clients.Certificate)
	keys := writeFile(t, dir, "keys", []byte("alice read,write certificate:alice.example\n"))
	return s.serve(t, append([]string{"--tls-client-ca", ca, "--keys-file", keys, "--anonymous", anonymous}, args...)...), clients
}

// A certificate with a name that the keys file gives roles stands for a key, at
// every door that speaks TLS.
func TestRolesByCertificate(t *testing.T) {
	s := newSecured(t)
	p, clients := s.serveAlice(t, "read")
	for name, want := range map[string]int{"alice.example": http.StatusCreated, "bob.example": http.StatusUnauthorized, "": http.StatusUnauthorized} {
		c := &tls.Config{RootCAs: s.authority.Pool()}
		if name != "" {
			c.Certificates = []tls.Certificate{clients.Issue(t, name).Pair(t)}
		}
		transport := &http.Transport{TLSClientConfig: c}
		defer transport.CloseIdleConnections()
		upload, err := http.NewRequest(http.MethodPost, p.https+"v1/torrents", bytes.NewReader(torrenttest.V1("of "+name)))
		if err != nil {
			t.Fatal(err)
		}
		upload.Header.Set("Content-Type", "application/x-bittorrent")
		upload.Header.Set("Grpc-Metadata-Torrentcache-Certificate-Name-Bin", "YWxpY2UuZXhhbXBsZQ")
		upload.Header.Set("Torrentcache-Certificate-Name-Bin", "YWxpY2UuZXhhbXBsZQ")
		if got, _, body := send(t, transport, upload); got != want {
			t.Errorf("HTTPS as %q: %d %s, want %d", name, got, body, want)
		}
	}
	issued, dir := clients.Issue(t, "alice.example"), t.TempDir()
	cert, key := writeFile(t, dir, "alice.pem", issued.Certificate), writeFile(t, dir, "alice.key", issued.Key)
	file := writeFile(t, dir, "a.torrent", torrenttest.V1("by gRPC"))
	push := []string{"push", "--server", p.grpc, "--tls", "--ca", s.ca, file}
	if status, _, stderr := runToEnd(t, nil, append(push, "--cert", cert, "--cert-key", key)...); status != 0 {
		t.Errorf("gRPC with a certificate: %d %s", status, stderr)
	}
	if status, _, stderr := runToEnd(t, nil, push...); status == 0 {
		t.Errorf("gRPC without a certificate: %d %s", status, stderr)
	}
}

// Where not everybody may read, the server checks each download over TLS on its own, by either
// protocol, also after one that was allowed.
func TestPrivateDownloadsOverTLS(t *testing.T) {
	s := newSecured(t)
	p, clients := s.serveAlice(t, "none")
	torrent := torrenttest.V1("private")
	as := func(http2 bool, certificates ...tls.Certificate) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.authority.Pool(), Certificates: certificates}, ForceAttemptHTTP2: http2}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport, Timeout: patience}
	}
	alice := clients.Issue(t, "alice.example").Pair(t)
	for _, http2 := range []bool{false, true} {
		allowed, anonymous := as(http2, alice), as(http2)
		if err := overHTTPS(allowed, p.https, torrent); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for client, want := range map[*http.Client]int{allowed: http.StatusOK, anonymous: http.StatusUnauthorized} {
				resp, err := client.Get(p.https + "torrent/" + infoHash(torrent) + ".torrent")
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != want || bytes.Equal(body, torrent) != (want == http.StatusOK) {
					t.Errorf("HTTP/2 %t: %s, %d bytes, %v; want %d", http2, resp.Status, len(body), err, want)
				}
			}
		}
	}
	p.wantFast(t, 0)
}
