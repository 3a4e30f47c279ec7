package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

// ClientTLS is the settings of a client of gRPC that may speak TLS. The names of
// its flags may begin with a prefix, backend- for instance.
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

// Validate reports the first setting that cannot be, by its flag.
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
