package lifecycle

import (
	"crypto/tls"
	"log"
	"net/http"
	"time"
)

// Times and sizes of HTTP connections. ReadTimeout and WriteTimeout cover whole
// bodies: 10 MB in 10 minutes is 17 kB/s, which the slowest lines still do.
const (
	readHeaderTimeout = 10 * time.Second
	bodyTimeout       = 10 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// NewPublicHTTP returns a server for the public: cleartext HTTP/1.1.
func NewPublicHTTP(handler http.Handler, errorLog *log.Logger) *http.Server {
	s := newHTTP(handler, errorLog)
	s.ReadTimeout, s.WriteTimeout = bodyTimeout, bodyTimeout
	s.Protocols.SetHTTP1(true)
	return s
}

// NewPublicHTTPS returns a server for the public: HTTP/1.1 and HTTP/2 over TLS,
// as config says. Start it with ServeTLS and no file names.
func NewPublicHTTPS(handler http.Handler, errorLog *log.Logger, config *tls.Config) *http.Server {
	s := newHTTP(handler, errorLog)
	s.ReadTimeout, s.WriteTimeout = bodyTimeout, bodyTimeout
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.TLSConfig = config
	return s
}

// NewAdminHTTP returns a server for the operator: cleartext HTTP/1.1, and HTTP/2
// without TLS for gRPC. Answers may take as long as they like: profiles and
// progress streams do.
func NewAdminHTTP(handler http.Handler, errorLog *log.Logger) *http.Server {
	s := newHTTP(handler, errorLog)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

func newHTTP(handler http.Handler, errorLog *log.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ErrorLog:          errorLog,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		Protocols:         new(http.Protocols),
	}
}
