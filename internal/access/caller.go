package access

import (
	"context"
	"crypto/tls"
)

// CertNamesKey is the metadata by which a door tells the names in its client's
// certificate to a server in the same process. The suffix lets them be any bytes.
const CertNamesKey = "torrentcache-certificate-name-bin"

// CertNames returns the names in the client's certificate: its common name and its
// DNS names. It returns none without TLS, or for a certificate that was not verified.
func CertNames(secure *tls.ConnectionState) []string {
	if secure == nil || len(secure.VerifiedChains) == 0 {
		return nil
	}
	leaf := secure.VerifiedChains[0][0]
	return append([]string{leaf.Subject.CommonName}, leaf.DNSNames...)
}

// OtherSiteKey is the metadata by which a door tells that a page of another site had a browser
// send the request. Any other client that sends it only gives up rights.
const OtherSiteKey = "torrentcache-other-site"

type otherSiteKey struct{}

// WithOtherSite returns ctx for a request that a page of another site had a browser send.
func WithOtherSite(ctx context.Context) context.Context {
	return context.WithValue(ctx, otherSiteKey{}, true)
}

// IsOtherSite reports whether ctx comes from [WithOtherSite].
func IsOtherSite(ctx context.Context) bool {
	is, _ := ctx.Value(otherSiteKey{}).(bool)
	return is
}
