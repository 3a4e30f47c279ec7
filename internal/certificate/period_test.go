package certificate_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/torrentcache/torrentcache/internal/certificate"
	"github.com/torrentcache/torrentcache/internal/certificate/certtest"
)

// A certificate is good until it, or one that goes with it, ends.
func TestPeriod(t *testing.T) {
	dir := t.TempDir()
	f := files(t, dir, "server")
	s, err := certificate.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	authority := certtest.NewAuthority(t)
	pair := authority.Issue(t, "new")
	write(t, f.Key, pair.Key)
	write(t, f.Certificate, append(pair.Certificate, authority.Certificate...))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	p, known := s.Period()
	first := parsed(t, pair.Certificate)
	if !known || !p.End.Equal(first.NotAfter) || p.Begin.Before(first.NotBefore) || s.Trouble() != nil {
		t.Errorf("%v, %t, %v; the certificate is good from %s to %s", p, known, s.Trouble(), first.NotBefore, first.NotAfter)
	}
}

func parsed(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
