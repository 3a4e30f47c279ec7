package certificate

import (
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Authority gets certificates from an ACME authority (RFC 8555).
type Authority struct {
	manager *autocert.Manager
	outcome
}

// ACME configures the requests to an authority.
type ACME struct {
	Host      string // the one name that certificates are asked for
	Directory string // URL; empty: Let's Encrypt
	Email     string // for the authority's notices; may be empty
	Folder    string // keeps the account's key and the certificates
}

// OpenACME returns a Source whose certificate an authority issues, at the first connection, and
// renews a month before it ends. Files may name only the authorities of clients' certificates.
// By asking for a certificate the operator agrees to the authority's terms.
func OpenACME(a ACME, files Files) (*Source, error) {
	return open(files, &Authority{manager: &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(a.Folder),
		HostPolicy: autocert.HostWhitelist(a.Host),
		Client:     &acme.Client{DirectoryURL: directory(a.Directory), UserAgent: "torrentcache", RetryBackoff: retryAfter},
		Email:      a.Email,
	}})
}

// tries is the maximum number of requests for one answer if the authority fails. A client that
// connects waits for them; the next client causes new ones.
const tries = 3

// retryAfter returns how long to wait before the nth retry of a failed request, 0 for no retry.
// Without it the ACME client would retry for five minutes, and report no failure meanwhile.
func retryAfter(n int, _ *http.Request, _ *http.Response) time.Duration {
	if n >= tries {
		return 0
	}
	return time.Duration(n) * time.Second
}

func directory(url string) string {
	if url == "" {
		return acme.LetsEncryptURL
	}
	return url
}

// protocol returns the ALPN protocol of the requests by which the authority checks this server
// (RFC 8737).
func (*Authority) protocol() string { return acme.ALPNProto }

// Challenges returns a handler for the listener on port 80. It answers an ACME authority's
// requests (RFC 8555, section 8.3), and passes all others to next. Without ACME it is next.
func (s *Source) Challenges(next http.Handler) http.Handler {
	if s == nil || s.acme == nil {
		return next
	}
	return s.acme.manager.HTTPHandler(next)
}
