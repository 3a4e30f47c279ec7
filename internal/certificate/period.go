package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync/atomic"
	"time"
)

// Period is the time in which clients take a certificate for good.
type Period struct{ Begin, End time.Time }

// Period returns that of the certificate in force and of those that go with it, which is the
// time in which all of them are good. It is false while there is none, as before an authority
// has given one to a client that came.
func (s *Source) Period() (Period, bool) {
	if s.acme != nil {
		if p := s.acme.given.Load(); p != nil {
			return *p, true
		}
		return Period{}, false
	}
	return s.inForce.Load().period, true
}

// Trouble returns why the authority gave no certificate when it was last asked; nil if it did,
// or nobody asked, or there is no authority.
func (s *Source) Trouble() error {
	if s.acme == nil {
		return nil
	}
	if failed := s.acme.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// periodOf returns that of a certificate's chain. What cannot be parsed bounds nothing:
// clients refuse it for that.
func periodOf(chain [][]byte) (p Period) {
	for i, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		if i == 0 || c.NotAfter.Before(p.End) {
			p.End = c.NotAfter
		}
		if c.NotBefore.After(p.Begin) {
			p.Begin = c.NotBefore
		}
	}
	return p
}

// outcome is what came of asking an authority.
type outcome struct {
	given  atomic.Pointer[Period]
	failed atomic.Pointer[error]
}

// certificate returns the authority's certificate for a client, and notes what came of it.
// Names that are not this server's, and the authority's own requests, say nothing.
func (a *Authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, err := a.manager.GetCertificate(hello)
	if slices.Contains(hello.SupportedProtos, a.protocol()) || a.manager.HostPolicy(context.Background(), hello.ServerName) != nil {
		return c, err
	}
	if err != nil {
		a.failed.Store(&err)
		return c, err
	}
	p := periodOf(c.Certificate)
	a.given.Store(&p)
	a.failed.Store(nil)
	return c, nil
}
