package main

import (
	"net/http"
	"strings"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/soapcompat"
)

// publicHandler returns all HTTP doors, each of them calling conn.
func (h *house) publicHandler(conn grpc.ClientConnInterface) (http.Handler, error) {
	modern, err := gateway.New(gateway.Options{
		Conn:           conn,
		Torrents:       h.cache,
		MaxTorrentSize: int64(h.cfg.MaxTorrentSize),
		PublicURL:      h.cfg.PublicURL,
		Contact:        h.cfg.Contact,
		GRPCAddress:    h.announcement.grpcAddress(),
		DownloadMaxAge: h.cfg.DownloadMaxAge,
		Private:        h.cache.Private,
		TooLarge:       h.limits.TooLarge,
		Logger:         h.logger,
	})
	if err != nil {
		return nil, err
	}
	h.answers = unlimited{h.cache.Answers(modern, modern.AppendHeader), h.limits}
	legacy, err := soapcompat.New(soapcompat.Options{
		Client:         torrentcachev1.NewCacheServiceClient(conn),
		MaxTorrentSize: int64(h.cfg.MaxTorrentSize),
		PublicURL:      h.cfg.PublicURL,
		Contact:        h.cfg.Contact,
		TooLarge:       h.limits.TooLarge,
		Logger:         h.logger,
	})
	if err != nil {
		return nil, err
	}
	mux := httpx.NewMux(modern)
	legacy.Register(mux)
	mux.Handle("/livez", http.HandlerFunc(lifecycle.Live))
	mux.Handle("/readyz", http.HandlerFunc(h.ready.Ready))
	return httpx.Credentials(h.withOrigin(h.metrics.HTTP(doorOf, httpx.Recover(h.logger, h.withMemory(h.withLimits(h.withRemovedStatus(mux))))))), nil
}

// withOrigin returns next with the client's address in the context of requests.
func (h *house) withOrigin(next http.Handler) http.Handler {
	return origin.Proxies(h.cfg.TrustedProxies).Handler(next)
}

// withRemovedStatus returns next with the status that the operator wants for
// removed torrents.
func (h *house) withRemovedStatus(next http.Handler) http.Handler {
	if h.cfg.RemovedStatus == http.StatusGone {
		return next
	}
	return httpx.ReplaceStatus(next, http.StatusGone, h.cfg.RemovedStatus) // nothing else is gone
}

// doorOf names the door of a path for the metrics.
func doorOf(path string) string {
	path = httpx.MergeSlashes(path)
	switch {
	case strings.HasPrefix(path, "/v1/"):
		return "api"
	case strings.HasPrefix(path, "/torrent/"):
		return "download"
	case path == "/autoupload.php" || path == "/upload.php":
		return "form"
	case path == "/api/torrage.wsdl" || path == "/api/index.php" || path == "/api/cache.wsdl" || path == "/api/soap":
		return "soap"
	case path == "/livez" || path == "/readyz":
		return "health"
	default:
		return "page"
	}
}
