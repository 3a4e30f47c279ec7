package certificate_test

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/certificate"
	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
)

// shown returns the name in the certificate that s shows to a new client.
func shown(t *testing.T, s *certificate.Source, client *tls.Config) (string, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	server := tls.Server(a, s.Config("h2", "http/1.1"))
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	client = client.Clone()
	client.InsecureSkipVerify = true // the test looks at which certificate it is
	conn := tls.Client(b, client)
	err := conn.Handshake()
	if err == nil {
		err = <-done
	} else {
		a.Close()
		<-done
	}
	if err != nil {
		return "", err
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// files writes a certificate of that name, and returns where.
func files(t *testing.T, dir, name string) certificate.Files {
	t.Helper()
	pair := certtest.NewAuthority(t).Issue(t, name)
	f := certificate.Files{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	write(t, f.Certificate, pair.Certificate)
	write(t, f.Key, pair.Key)
	return f
}

func wantShown(t *testing.T, s *certificate.Source, want string) {
	t.Helper()
	if got, err := shown(t, s, &tls.Config{}); err != nil || got != want {
		t.Errorf("shows %q, %v; want %q", got, err, want)
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	f := files(t, dir, "old")
	s, err := certificate.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	wantShown(t, s, "old")
	files(t, dir, "new")
	wantShown(t, s, "old")
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	wantShown(t, s, "new")
}

func TestFilesThatCannotBeUsedLeaveTheOldInForce(t *testing.T) {
	dir := t.TempDir()
	f := files(t, dir, "old")
	s, err := certificate.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(){
		"no certificate": func() { write(t, f.Certificate, []byte("nothing")) },
		"another's key":  func() { files(t, dir, "new"); write(t, f.Key, certtest.NewAuthority(t).Issue(t, "x").Key) },
		"a missing file": func() { files(t, dir, "new"); os.Remove(f.Key) },
	} {
		spoil()
		if err := s.Reload(); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want an error that names the file", name, err)
		}
		wantShown(t, s, "old")
	}
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	f := files(t, dir, "old")
	s, err := certificate.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	reports := make(chan error)
	go s.Follow(t.Context(), time.Millisecond, func(err error) {
		select {
		case reports <- err:
		case <-t.Context().Done():
		}
	})
	write(t, f.Certificate, []byte("half a certificate"))
	if err := <-reports; err == nil {
		t.Error("a bad file was taken")
	}
	wantShown(t, s, "old")
	pair := certtest.NewAuthority(t).Issue(t, "new")
	write(t, f.Key, pair.Key)
	write(t, f.Certificate, pair.Certificate)
	for err := range reports {
		if err == nil {
			break // between the two files it may have seen one of them
		}
	}
	wantShown(t, s, "new")
}

func TestClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ours, others := certtest.NewAuthority(t), certtest.NewAuthority(t)
	f := files(t, dir, "server")
	f.ClientCA = filepath.Join(dir, "ca.pem")
	write(t, f.ClientCA, ours.Certificate)
	s, err := certificate.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		shows []tls.Certificate
		ok    bool
	}{
		"none":      {nil, true},
		"ours":      {[]tls.Certificate{ours.Issue(t, "mirror").Pair(t)}, true},
		"another's": {[]tls.Certificate{others.Issue(t, "mirror").Pair(t)}, false},
	} {
		// A client of TLS 1.3 learns only afterwards that its certificate is refused.
		client := &tls.Config{MaxVersion: tls.VersionTLS12}
		if c.shows != nil {
			client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c.shows[0], nil }
		}
		if _, err := shown(t, s, client); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(t, f.ClientCA, []byte("no certificate"))
	if err := s.Reload(); err == nil {
		t.Error("a file without a certificate was taken")
	}
}

// A client that has nothing but CBC for TLS 1.2 is turned away, and one with GCM is served.
func TestNoCBC(t *testing.T) {
	s, err := certificate.Open(files(t, t.TempDir(), "server"))
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		_, err := shown(t, s, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if strings.Contains(suite.Name, "CBC") && err == nil {
			t.Errorf("%s is spoken", suite.Name)
		}
		if suite.ID == tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 && err != nil {
			t.Errorf("%s: %v", suite.Name, err)
		}
	}
}
