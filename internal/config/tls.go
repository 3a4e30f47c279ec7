package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
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

// letsEncrypt is where ACME asks for certificates by default.
const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

func (t *TLS) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&t.TLSCert, "tls-cert", "", "certificate `file` (PEM, with intermediates); read again on SIGHUP, and when it has changed, within a minute")
	flags.StringVar(&t.TLSKey, "tls-key", "", "private key `file` (PEM), read with --tls-cert")
	flags.StringVar(&t.TLSClientCA, "tls-client-ca", "", "`file` (PEM) of the authorities of clients' certificates, whose names --keys-file gives roles; read with --tls-cert")
	choiceVar(flags, &t.ACME, "acme", "have the certificate from Let's Encrypt, for the host of --public-url: on (you agree to its terms) or off", Off, "on")
	flags.StringVar(&t.ACMEDir, "acme-dir", "./torrentcache-acme", "`folder` that keeps the account and the certificates of --acme")
	flags.StringVar(&t.ACMEEmail, "acme-email", "", "`address` to which the authority sends warnings")
	flags.StringVar(&t.ACMEDirectory, "acme-directory", letsEncrypt, "`URL` of another authority's ACME directory")
}

// hasCertificate reports whether there is one to show, from files or by ACME.
func (t *TLS) hasCertificate() bool { return t.TLSCert != "" && t.TLSKey != "" || t.ACME == "on" }

// validate reports the first setting that cannot be.
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
