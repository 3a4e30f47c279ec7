package main

import (
	"context"
	"net/url"
	"time"

	"github.com/torrentcache/torrentcache/internal/certificate"
	"github.com/torrentcache/torrentcache/internal/config"
)

// certificateCheck is how often the certificate's files are looked at. They are
// small, and whoever renews them need not think of us.
const certificateCheck = 20 * time.Second

// addCertificate opens the certificate that the settings name, if they do. Its
// files are read again on SIGHUP and when they have changed.
func (h *house) addCertificate(cfg config.Doors) error {
	files := certificate.Files{Certificate: cfg.TLSCert, Key: cfg.TLSKey, ClientCA: cfg.TLSClientCA}
	var err error
	switch {
	case cfg.ACME == "on":
		u, _ := url.Parse(cfg.PublicURL) // config has checked it
		h.certificate, err = certificate.OpenACME(certificate.ACME{
			Host: u.Hostname(), Directory: cfg.ACMEDirectory, Email: cfg.ACMEEmail, Folder: cfg.ACMEDir}, files)
	case cfg.TLSCert != "":
		h.certificate, err = certificate.Open(files)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	h.metrics.WatchCertificate(func() (time.Time, bool) {
		p, known := h.certificate.Period()
		return p.End, known
	})
	h.reloads.On("certificates", func(config.Doors) error { return h.certificate.Reload() })
	return nil
}

// endsSoon is how long before the end of a certificate its operator is told. Authorities that
// renew by themselves do so a month before.
const endsSoon = 14 * 24 * time.Hour

// certificateState is whether clients take the certificate for good.
type certificateState int

const (
	certificateGood certificateState = iota // as far as is known
	certificateEndsSoon
	certificateEnded
	certificateEarly   // its time has not begun
	certificateRefused // by the authority, when it was last asked
)

// certificateState returns the state of the certificate in force.
func (h *house) certificateState() certificateState {
	now := time.Now()
	p, known := h.certificate.Period()
	switch {
	case known && now.After(p.End):
		return certificateEnded
	case known && now.Before(p.Begin):
		return certificateEarly
	case h.certificate.Trouble() != nil:
		return certificateRefused
	case known && now.Add(endsSoon).After(p.End):
		return certificateEndsSoon
	}
	return certificateGood
}

// certificateIs tells of a change of the certificate's state.
func (h *house) certificateIs(state certificateState) {
	p, _ := h.certificate.Period()
	switch state {
	case certificateGood:
		h.logger.Info("the certificate is good", "end", p.End)
	case certificateEndsSoon:
		h.logger.Warn("the certificate ends soon", "end", p.End)
	case certificateEnded:
		h.logger.Error("the certificate has ended: clients refuse it", "end", p.End)
	case certificateEarly:
		h.logger.Error("the certificate's time has not begun: clients refuse it", "begin", p.Begin)
	case certificateRefused:
		h.logger.Error("the authority gave no certificate", "cause", h.certificate.Trouble())
	}
}

// followCertificate puts certificates in force that replace the old in their files.
func (h *house) followCertificate(ctx context.Context) {
	h.certificate.Follow(ctx, certificateCheck, func(err error) {
		if err != nil {
			h.logger.Error("not reloaded: the old ones stay in force", "what", "certificates", "cause", err)
			return
		}
		h.logger.Info("reloaded", "what", "certificates")
	})
}
