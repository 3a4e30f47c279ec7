package daemon

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
func (d *daemon) publicHandler(conn grpc.ClientConnInterface) (http.Handler, error) {
	modern, err := gateway.New(gateway.Options{
		Options: web.Options{
			MaxTorrentSize: int64(d.cfg.MaxTorrentSize), PublicURL: d.cfg.PublicURL, Contact: d.cfg.Contact, Retention: d.retention,
			GRPC: d.guideGRPC(), RemovedStatus: d.cfg.RemovedStatus, DownloadMaxAge: d.cfg.DownloadMaxAge, Private: d.cache.Private,
			HideTorrents: d.cfg.TorrentPages == config.Off,
		},
		Conn:          conn,
		Torrents:      d.cache,
		MissingMaxAge: d.cfg.MissingMaxAge,
		Origins:       d.cfg.Origins,
		TooLarge:      d.limits.TooLarge,
		Logger:        d.logger,
	})
	if err != nil {
		return nil, err
	}
	if d.cfg.FastPath != config.Off {
		answers := d.cache.Answers(front.NewMux(modern.Routes()...), modern.AppendHeader)
		d.fast = &fastpath.Downloads{Source: d.unlimited(answers), OnAnswer: d.onDownload()}
	}
	legacy, err := soapcompat.New(soapcompat.Options{
		Client:         torrentcachev1.NewCacheServiceClient(conn),
		MaxTorrentSize: int64(d.cfg.MaxTorrentSize),
		Site:           modern.Site(),
		Home:           modern.Home,
		TooLarge:       d.limits.TooLarge,
		Logger:         d.logger,
	})
	if err != nil {
		return nil, err
	}
	return d.withProxyWarning(front.New(front.Options{
		Routes:        slices.Concat(legacy.Routes(), modern.Routes(), d.probes()),
		Proxies:       origin.Proxies(d.cfg.TrustedProxies),
		Gate:          d.gate,
		Identify:      d.identify,
		Limits:        d.limits,
		Conn:          fastpath.ConnOf,
		Meter:         meter{d},
		RemovedStatus: d.cfg.RemovedStatus,
		Logger:        d.logger,
	})), nil
}

// guideGRPC is the gRPC address that the API guide names; nil if there is none.
func (d *daemon) guideGRPC() *web.GRPC {
	if given := d.cfg.PublicGRPCAddr; given != "" {
		address, isTLS := strings.CutPrefix(given, config.TLSPrefix)
		return &web.GRPC{Address: address, TLS: isTLS || d.grpcOverTLS}
	}
	tcp, ok := d.announcement.grpc.(*net.TCPAddr)
	if !ok {
		return nil
	}
	address := tcp.String()
	if tcp.IP.IsUnspecified() {
		address = ":" + strconv.Itoa(tcp.Port)
	}
	return &web.GRPC{Address: address, TLS: d.grpcOverTLS}
}

// probes are the paths that balancers ask.
func (d *daemon) probes() []front.Route {
	return []front.Route{
		{Door: "health", Pattern: "/livez", Any: lifecycle.Live},
		{Door: "health", Pattern: "/readyz", Any: d.ready.Ready},
	}
}

// unlimited returns source without its answers while downloads have a rate, or the access log
// needs the addresses of clients behind proxies: the fast path does not read those addresses.
func (d *daemon) unlimited(source fastpath.Source) fastpath.Source {
	logsForwarded := d.cfg.LogAddresses && len(d.cfg.TrustedProxies) > 0
	return func(id infohash.ID, reserved *limit.Reservation, read bool) *fastpath.Answer {
		if logsForwarded || d.limits.DownloadsLimited() {
			return nil
		}
		return source(id, reserved, read)
	}
}
