package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// TLS is the settings of the certificates.
type TLS struct {
	TLSCert       string // file names, PEM
	TLSKey        string
	TLSClientCA   string
	ACME          string // on or [Off]
	ACMEDir       string
	ACMEEmail     string
	ACMEDirectory string // URL
}

// letsEncrypt is the directory that ACME asks for certificates by default.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

func (t *TLS) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.TLSCert, "tls-cert", "", "certificate `file` (PEM, with intermediates); read again on SIGHUP, and within a minute of a change")
	flags.StringVar(&t.TLSKey, "tls-key", "", "private key `file` (PEM), read with --tls-cert")
	flags.StringVar(&t.TLSClientCA, "tls-client-ca", "", "`file` (PEM) of the authorities of clients' certificates; --keys-file gives roles to the names in them; read with --tls-cert")
	choiceVar(flags, &t.ACME, "acme", "get the certificate from Let's Encrypt, for the host of --public-url: on (you agree to its terms) or off", Off, "on")
	flags.StringVar(&t.ACMEDir, "acme-dir", "./torrentcache-acme", "`folder` that keeps the account and the certificates of --acme")
	flags.StringVar(&t.ACMEEmail, "acme-email", "", "`address` to which the authority sends warnings")
	flags.StringVar(&t.ACMEDirectory, "acme-directory", letsEncrypt, "`URL` of another authority's ACME directory")
}

// hasCertificate reports whether there is a certificate to show, from files or by ACME.
func (t *TLS) hasCertificate() bool { return t.TLSCert != "" && t.TLSKey != "" || t.ACME == "on" }

// validate reports the first wrong setting.
func (t *TLS) validate(publicURL string) error {
	switch files := t.TLSCert != "" || t.TLSKey != ""; {
	case (t.TLSCert == "") != (t.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key belong together: give both")
	case files && t.ACME == "on":
		return errors.New("--tls-cert and --acme on: want one of them")
	case t.TLSClientCA != "" && !t.hasCertificate():
		return errors.New("--tls-client-ca needs --tls-cert and --tls-key, or --acme on")
	case t.ACME == Off:
		return nil
	}
	if u, err := url.Parse(publicURL); err != nil || u.Scheme != "https" || !isName(u.Hostname()) {
		return fmt.Errorf("--acme on needs --public-url with https and the name that the certificate is for, not %q", publicURL)
	}
	if u, err := url.Parse(t.ACMEDirectory); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--acme-directory %q: want an https address", Redact(t.ACMEDirectory))
	}
	return nil
}

// isName reports whether host is a name that an authority can look up.
func isName(host string) bool { return strings.Contains(host, ".") && net.ParseIP(host) == nil }

// ClientTLS is the settings of a gRPC client that may speak TLS. The names of its
// flags may begin with a prefix, such as backend-.
type ClientTLS struct {
	On               bool
	CA               string // file names, PEM
	Certificate, Key string
	prefix           string
}

// AddFlags binds the settings to flags whose help names the peer.
func (s *ClientTLS) AddFlags(flags *pflag.FlagSet, prefix, peer string) {
	s.prefix = prefix
	flags.BoolVar(&s.On, prefix+"tls", false, "connect with TLS and check the "+peer+"'s certificate")
	flags.StringVar(&s.CA, prefix+"ca", "", "`file` (PEM) of the authorities that the "+peer+"'s certificate must lead to; implies --"+prefix+"tls (default: the system's)")
	flags.StringVar(&s.Certificate, prefix+"cert", "", "certificate `file` (PEM) to show the "+peer+"; implies --"+prefix+"tls")
	flags.StringVar(&s.Key, prefix+"cert-key", "", "private key `file` (PEM) of --"+prefix+"cert")
}

// Validate reports the first wrong setting, by its flag.
func (s *ClientTLS) Validate() error {
	if (s.Certificate == "") != (s.Key == "") {
		return fmt.Errorf("--%[1]scert and --%[1]scert-key belong together: give both", s.prefix)
	}
	s.On = s.On || s.CA != "" || s.Certificate != ""
	return nil
}

// Config reads the files. It returns nil without TLS. The error names the flag.
func (s *ClientTLS) Config() (*tls.Config, error) {
	if !s.On {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		text, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("--%sca: %w", s.prefix, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--%sca %s: there is no certificate in it", s.prefix, s.CA)
		}
	}
	if s.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(s.Certificate, s.Key)
		if err != nil {
			return nil, fmt.Errorf("--%scert %s: %w", s.prefix, s.Certificate, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
