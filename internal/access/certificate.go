package access

import "crypto/tls"

// CertNamesKey is the metadata by which a door tells the names in its client's
// certificate to a server in the same process. The suffix lets them be any bytes.
const CertNamesKey = "torrentcache-certificate-name-bin"

// CertNames returns the names in the client's certificate: its common name and its
// DNS names. None without TLS, or for a certificate that was not verified.
func CertNames(secure *tls.ConnectionState) []string {
	if secure == nil || len(secure.VerifiedChains) == 0 {
		return nil
	}
	leaf := secure.VerifiedChains[0][0]
	return append([]string{leaf.Subject.CommonName}, leaf.DNSNames...)
}
