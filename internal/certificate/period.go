package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync/atomic"
	"time"
)

// Period is the time in which a certificate is valid.
type Period struct{ Begin, End time.Time }

// Period returns the time in which the certificate in force and those sent with it are all
// valid. It returns false while there is no certificate: an authority issues one only when the
// first client connects.
func (s *Source) Period() (Period, bool) {
	if s.acme != nil {
		if p := s.acme.given.Load(); p != nil {
			return *p, true
		}
		return Period{}, false
	}
	return s.inForce.Load().period, true
}

// Trouble returns why the authority issued no certificate when it was last asked; nil if it did,
// was never asked, or there is no authority.
func (s *Source) Trouble() error {
	if s.acme == nil {
		return nil
	}
	if failed := s.acme.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// periodOf returns the period of a certificate's chain. A certificate that cannot be parsed
// sets no bound: clients refuse it in any case.
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

// outcome has the period of the last certificate issued, and the error of the last request.
type outcome struct {
	given  atomic.Pointer[Period]
	failed atomic.Pointer[error]
}

// certificate returns the authority's certificate for a client, and notes the outcome. It notes
// nothing for names that are not this server's, and for the authority's own requests.
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
