package certificate

import (
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// Authority is an ACME authority (RFC 8555), and how it is asked.
type Authority struct {
	manager *autocert.Manager
	outcome
}

// ACME is what an authority is told, and where.
type ACME struct {
	Host      string // the one name that certificates are asked for
	Directory string // URL; empty: Let's Encrypt
	Email     string // for the authority's notices; may be empty
	Folder    string // keeps the account's key and the certificates
}

// OpenACME returns a Source whose certificate an authority gives, at the first
// connection, and renews a month before it ends. Clients are asked for theirs as
// files say, which name no other. By asking for a certificate the operator agrees
// to the authority's terms.
func OpenACME(a ACME, files Files) (*Source, error) {
	return open(files, &Authority{manager: &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(a.Folder),
		HostPolicy: autocert.HostWhitelist(a.Host),
		Client:     &acme.Client{DirectoryURL: directory(a.Directory), UserAgent: "torrentcache", RetryBackoff: retryAfter},
		Email:      a.Email,
	}})
}

// tries bounds the requests for one answer of an authority that fails. A client that connects
// waits for them; the next one has it asked again.
const tries = 3

// retryAfter returns how long to wait before the nth request in place of one that failed, 0 if
// there is to be none. Without it the client would go on for five minutes, and nobody would hear
// of the failure meanwhile.
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

// protocol is what the authority asks for to see who answers (RFC 8737).
func (*Authority) protocol() string { return acme.ALPNProto }

// Challenges returns next with the answers to an ACME authority's requests before
// it (RFC 8555, section 8.3), for the listener on port 80. Without ACME it is next.
func (s *Source) Challenges(next http.Handler) http.Handler {
	if s == nil || s.acme == nil {
		return next
	}
	return s.acme.manager.HTTPHandler(next)
}
