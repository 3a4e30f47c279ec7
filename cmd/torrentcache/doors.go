package main

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/config"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/soapcompat"
	"github.com/torrentcache/torrentcache/web"
)

// publicHandler returns all HTTP doors, each of them calling conn.
func (h *house) publicHandler(conn grpc.ClientConnInterface) (http.Handler, error) {
	modern, err := gateway.New(gateway.Options{
		Conn:           conn,
		Torrents:       h.cache,
		MaxTorrentSize: int64(h.cfg.MaxTorrentSize),
		PublicURL:      h.cfg.PublicURL,
		Contact:        h.cfg.Contact,
		Retention:      h.retention,
		GRPC:           h.guideGRPC(),
		RemovedStatus:  h.cfg.RemovedStatus,
		DownloadMaxAge: h.cfg.DownloadMaxAge,
		MissingMaxAge:  h.cfg.MissingMaxAge,
		Private:        h.cache.Private,
		HideTorrents:   h.cfg.TorrentPages == config.Off,
		Policy:         h.policy,
		Origins:        h.cfg.Origins,
		TooLarge:       h.limits.TooLarge,
		Logger:         h.logger,
	})
	if err != nil {
		return nil, err
	}
	h.answers = unlimited{h.cache.Answers(front.NewMux(modern.Routes()...), modern.AppendHeader), h.limits, h.logsForwarded()}
	legacy, err := soapcompat.New(soapcompat.Options{
		Client:         torrentcachev1.NewCacheServiceClient(conn),
		MaxTorrentSize: int64(h.cfg.MaxTorrentSize),
		PublicURL:      h.cfg.PublicURL,
		Private:        h.cache.Private,
		HideTorrents:   h.cfg.TorrentPages == config.Off,
		Home:           modern.Home,
		Contact:        h.cfg.Contact,
		TooLarge:       h.limits.TooLarge,
		Logger:         h.logger,
	})
	if err != nil {
		return nil, err
	}
	return h.withProxyWarning(front.New(front.Options{
		Routes:        slices.Concat(legacy.Routes(), modern.Routes(), h.probes()),
		Proxies:       origin.Proxies(h.cfg.TrustedProxies),
		Gate:          h.gate,
		Limits:        h.limits,
		Conn:          fastpath.ConnOf,
		Meter:         meter{h},
		RemovedStatus: h.cfg.RemovedStatus,
		Logger:        h.logger,
	})), nil
}

// guideGRPC is the gRPC address that the API guide names; nil if there is none.
func (h *house) guideGRPC() *web.GRPC {
	if given := h.cfg.PublicGRPCAddr; given != "" {
		address, isTLS := strings.CutPrefix(given, config.TLSPrefix)
		return &web.GRPC{Address: address, TLS: isTLS || h.grpcOverTLS}
	}
	tcp, ok := h.announcement.grpc.(*net.TCPAddr)
	if !ok {
		return nil
	}
	address := tcp.String()
	if tcp.IP.IsUnspecified() {
		address = ":" + strconv.Itoa(tcp.Port)
	}
	return &web.GRPC{Address: address, TLS: h.grpcOverTLS}
}

// probes are the paths that balancers ask.
func (h *house) probes() []front.Route {
	return []front.Route{
		{Door: "health", Pattern: "/livez", Any: lifecycle.Live},
		{Door: "health", Pattern: "/readyz", Any: h.ready.Ready},
	}
}

// logsForwarded reports whether the access log needs to know addresses that proxies tell, which
// the fast path does not read.
func (h *house) logsForwarded() bool { return h.cfg.LogAddresses && len(h.cfg.TrustedProxies) > 0 }

// unlimited is a source of the fast path for as long as downloads have no rate, and nobody
// wants to know whose they are: it knows no addresses.
type unlimited struct {
	source fastpath.Source // not embedded: what it may get in addition has to be held back, too
	limits *limit.Limits
	off    bool // nothing is answered here
}

// Answer implements [fastpath.Source].
func (u unlimited) Answer(id infohash.ID, hold *limit.Hold) *fastpath.Answer {
	if u.off || u.limits.DownloadsLimited() {
		return nil
	}
	return u.source.Answer(id, hold)
}

// Kept implements [fastpath.Source].
func (u unlimited) Kept(id infohash.ID) *fastpath.Answer {
	if u.limits.DownloadsLimited() {
		return nil
	}
	return u.source.Kept(id)
}
