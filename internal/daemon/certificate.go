package daemon

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/torrentcache/torrentcache/internal/certificate"
	"github.com/torrentcache/torrentcache/internal/config"
)

// certificateCheck is the interval between looks at the certificate's files. They
// are small, and a program that renews them need not signal this one.
const certificateCheck = 20 * time.Second

// addCertificate opens the certificate that the settings name, if they name one.
// Its files are read again on SIGHUP and when they have changed.
func (d *daemon) addCertificate(cfg config.Doors) error {
	files := certificate.Files{Certificate: cfg.TLSCert, Key: cfg.TLSKey, ClientCA: cfg.TLSClientCA}
	var err error
	switch {
	case cfg.ACME == "on":
		u, _ := url.Parse(cfg.PublicURL) // config has checked it
		d.certificate, err = certificate.OpenACME(certificate.ACME{
			Host: u.Hostname(), Directory: cfg.ACMEDirectory, Email: cfg.ACMEEmail, Folder: cfg.ACMEDir}, files)
	case cfg.TLSCert != "":
		d.certificate, err = certificate.Open(files)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	d.metrics.WatchCertificate(func() (time.Time, bool) {
		p, known := d.certificate.Period()
		return p.End, known
	}, func() bool { return d.certificate.Trouble() != nil })
	d.reloads.On("certificates", func(config.Doors) error { return d.certificate.Reload() })
	return nil
}

// endsSoon is how long before the end of a certificate the operator is warned. Authorities that
// renew by themselves do so a month before.
const endsSoon = 14 * 24 * time.Hour

// The possible faults of a certificate; "" means that none is known.
const (
	certificateEndsSoon = "the certificate ends soon"
	certificateEnded    = "the certificate has ended: clients refuse it"
	certificateEarly    = "the certificate's time has not begun: clients refuse it"
	certificateRefused  = "the authority gave no certificate: no client can connect by TLS until it does"
)

// certificateState returns the fault of the certificate in force.
func (d *daemon) certificateState() string {
	now := time.Now()
	p, known := d.certificate.Period()
	switch {
	case known && now.After(p.End):
		return certificateEnded
	case known && now.Before(p.Begin):
		return certificateEarly
	case d.certificate.Trouble() != nil:
		return certificateRefused
	case known && now.Add(endsSoon).After(p.End):
		return certificateEndsSoon
	}
	return ""
}

// certificateIs logs that the certificate's state has changed to state.
func (d *daemon) certificateIs(state string) {
	p, _ := d.certificate.Period()
	switch state {
	case "":
		d.logger.Info("the certificate is good", "end", p.End)
	case certificateEndsSoon:
		d.logger.Warn(state, "end", p.End)
	case certificateRefused:
		d.logger.Error(state, "cause", d.certificate.Trouble())
	default:
		d.logger.Error(state, "begin", p.Begin, "end", p.End)
	}
}

// certificateNote tells the operator of a certificate that is not good, or will not be for long.
func (d *daemon) certificateNote() string {
	switch state := d.certificateState(); state {
	case "":
		return ""
	case certificateRefused:
		return fmt.Sprintf("%s (%v)", state, d.certificate.Trouble())
	default:
		p, _ := d.certificate.Period()
		return fmt.Sprintf("%s (it is good from %s to %s)", state, p.Begin.Format(time.RFC3339), p.End.Format(time.RFC3339))
	}
}

// followCertificate puts new certificates in force when the files change, until ctx ends.
func (d *daemon) followCertificate(ctx context.Context) {
	d.certificate.Follow(ctx, certificateCheck, func(err error) {
		if err != nil {
			d.logger.Error("not reloaded: the old ones stay in force", "what", "certificates", "cause", err)
			return
		}
		d.logger.Info("reloaded", "what", "certificates")
	})
}
