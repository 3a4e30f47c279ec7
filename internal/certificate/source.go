// Package certificate keeps the TLS certificate of a server, and the authorities
// of its clients' certificates, in force, and changes them while it serves.
//
// Both come from files ([Open]). The certificate may come from an ACME authority such as
// Let's Encrypt instead ([OpenACME]). A [Source] gives TLS configurations, for any
// number of listeners. [Source.Follow] watches for changed files and
// [Source.Reload] reads them at once; if new files cannot be used the old ones
// stay in force. Open connections keep the certificate that they began with, so no
// request fails because of a change.
//
// Everything in it is safe for concurrent use.
package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/torrentcache/torrentcache/internal/wait"
)

// Files are the names of PEM files.
type Files struct {
	// Certificate has the server's certificate, the intermediate ones behind it,
	// and Key its private key. Both are empty if an authority gives it by ACME.
	Certificate, Key string
	// ClientCA has the authorities that vouch for clients' certificates. Empty:
	// clients are not asked for one.
	ClientCA string
}

// Source has the server's certificate, and the authorities of its clients' certificates.
type Source struct {
	files   Files
	acme    *Authority // nil without ACME
	inForce atomic.Pointer[material]

	mu   sync.Mutex // guards the loading
	last contents   // of the files when they were last read
}

// material is the parsed content of the files.
type material struct {
	certificate *tls.Certificate // nil with ACME
	period      Period           // of certificate
	clients     *x509.CertPool   // nil if clients are not asked
}

// contents are the texts of the files, in the order of [Files].
type contents [3]string

// Open returns the Source of files. The error names the file.
func Open(files Files) (*Source, error) { return open(files, nil) }

func open(files Files, acme *Authority) (*Source, error) {
	s := &Source{files: files, acme: acme}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the files and puts their content in force. On an error, which names the file, all
// of the old content stays in force.
func (s *Source) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.read()
	if err != nil {
		return err
	}
	return s.use(found)
}

// read returns the texts of the files.
func (s *Source) read() (contents, error) {
	var found contents
	for i, name := range []string{s.files.Certificate, s.files.Key, s.files.ClientCA} {
		if name == "" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return contents{}, err
		}
		found[i] = string(text)
	}
	return found, nil
}

// use puts found in force. The caller holds mu.
func (s *Source) use(found contents) error {
	s.last = found
	var next material
	if s.files.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(found[0]), []byte(found[1]))
		if err != nil {
			return fmt.Errorf("%s, %s: %w", s.files.Certificate, s.files.Key, err)
		}
		next.certificate, next.period = &pair, periodOf(pair.Certificate)
	}
	if s.files.ClientCA != "" {
		next.clients = x509.NewCertPool()
		if !next.clients.AppendCertsFromPEM([]byte(found[2])) {
			return fmt.Errorf("%s: %w", s.files.ClientCA, errors.New("there is no certificate in it"))
		}
	}
	s.inForce.Store(&next)
	return nil
}

// ciphers returns the cipher suites for TLS 1.2, in no order. They have forward secrecy and
// authenticated encryption, as HTTP/2 requires (RFC 9113, appendix A). Go also has suites with
// CBC, which have a history of padding oracles (RFC 9325, section 4.1).
func ciphers() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// Config returns a configuration for a listener: TLS 1.2 or later, with these
// protocols to choose from by ALPN. A client may show a certificate if ClientCA names
// authorities. The connection ends if none of them vouches for the certificate.
func (s *Source) Config(protocols ...string) *tls.Config {
	if s.acme != nil {
		protocols = append(protocols, s.acme.protocol())
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		CipherSuites: ciphers(),
		NextProtos:   protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return s.configNow(protocols), nil
		},
	}
}

// configNow returns the configuration of a connection that begins now. Its session tickets have
// the keys of the listener's configuration.
func (s *Source) configNow(protocols []string) *tls.Config {
	now := s.inForce.Load()
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: ciphers(), NextProtos: protocols,
		// Small records let a page appear before it is whole. A torrent is of no use before
		// it is whole, and 20 KB took six records instead of two.
		DynamicRecordSizingDisabled: true,
	}
	if now.certificate != nil {
		c.Certificates = []tls.Certificate{*now.certificate}
	} else {
		c.GetCertificate = s.acme.certificate
	}
	if now.clients != nil {
		c.ClientCAs, c.ClientAuth = now.clients, tls.VerifyClientCertIfGiven
	}
	return c
}

// Follow looks for changed files at the interval every, until ctx ends, and reloads them. It calls
// report with the error of each reload. Files that cannot be used are reported once, and again
// when they change: a program that renews a certificate writes one file after the other.
func (s *Source) Follow(ctx context.Context, every time.Duration, report func(error)) {
	for wait.For(ctx, every) {
		if changed, err := s.follow(); changed {
			report(err)
		}
	}
}

// follow reloads the files if they have changed. A file that is missing, as while it is being
// replaced, counts as unchanged.
func (s *Source) follow() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.read()
	if err != nil || found == s.last {
		return false, nil
	}
	return true, s.use(found)
}
