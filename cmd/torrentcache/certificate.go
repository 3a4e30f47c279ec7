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
	h.reloads.On("certificates", func(config.Doors) error { return h.certificate.Reload() })
	return nil
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
