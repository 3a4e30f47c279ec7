package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/web"
	"google.golang.org/grpc"
)

// Options is what the door needs.
type Options struct {
	// Conn reaches the CacheService. It must be able to receive a message of
	// MaxTorrentSize and 64 KiB. Required.
	Conn grpc.ClientConnInterface
	// Torrents is where torrents come from for downloads, such as a cache before
	// Conn. Nil: Conn.
	Torrents Torrents
	// MaxTorrentSize is the largest torrent accepted, in bytes. Required. The
	// limits of bodies that wrap a torrent derive from it.
	MaxTorrentSize int64
	// PublicURL is the address that pages name, such as https://example.org: a
	// scheme and a host. Empty: what the request was sent to.
	PublicURL string
	// Contact is the address for questions that pages name; see [web.Options].
	// Empty: none.
	Contact string
	// Retention is what the home page says of how long torrents are kept. Nil: nothing.
	Retention *web.Retention
	// GRPC is the address of the gRPC API that pages name. Nil: they name none.
	GRPC *web.GRPC
	// RemovedStatus is the HTTP status of removed torrents that pages tell of. 0: 410.
	RemovedStatus int
	// DownloadMaxAge is how long downloads may be kept by caches; 0 means that
	// caches must ask each time.
	DownloadMaxAge time.Duration
	// MissingMaxAge is how long caches may keep the answer that a torrent is not here;
	// less than a second means that none may. They never keep the answer for a removed
	// torrent.
	MissingMaxAge time.Duration
	// Private reports whether downloads are not for everybody, so that no cache may
	// keep one for others. Nil: they are for everybody.
	Private func() bool
	// HideTorrents leaves out the pages of torrents: paths below /info/ do not exist
	// then.
	HideTorrents bool
	// Origins are the origins of other sites whose pages may upload by JSON and read
	// what this door answers to that.
	Origins []string
	// TooLarge is told of each upload that the door refuses for its size before
	// Conn has seen it. Nil: nobody is.
	TooLarge func()
	// Logger gets what goes wrong inside the door. Nil: slog's default.
	Logger *slog.Logger
}

// Door is the routes that this package serves. It is safe for concurrent use.
type Door struct {
	api       *api
	downloads *downloads
	pages     *pages
}

// New returns the door, or an error that names the option to change.
func New(o Options) (*Door, error) {
	if o.Conn == nil || o.MaxTorrentSize <= 0 {
		return nil, errors.New("gateway: Conn and MaxTorrentSize are required")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.TooLarge == nil {
		o.TooLarge = func() {}
	}
	if o.Private == nil {
		o.Private = func() bool { return false }
	}
	site, err := web.New(web.Options{
		PublicURL:      o.PublicURL,
		GRPC:           o.GRPC,
		Contact:        o.Contact,
		RemovedStatus:  o.RemovedStatus,
		DownloadMaxAge: o.DownloadMaxAge,
		Retention:      o.Retention,
		MaxTorrentSize: o.MaxTorrentSize,
		Private:        o.Private,
		Prefix:         front.Prefix,
		HideTorrents:   o.HideTorrents,
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	client := torrentcachev1.NewCacheServiceClient(o.Conn)
	if o.Torrents == nil {
		o.Torrents = backend{client}
	}
	files := &files{torrents: o.Torrents, maxAge: o.DownloadMaxAge, missing: o.MissingMaxAge, private: o.Private, sites: sitesOf(o)}
	api, err := newAPI(client, files, o)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return &Door{
		api:       api,
		downloads: &downloads{files: files, site: site, log: o.Logger},
		pages:     &pages{site: site, client: client, log: o.Logger, source: sourceOf(o), hideTorrents: o.HideTorrents},
	}, nil
}

// sourceOf returns the address from which everybody can have the .torrent file of ids, "" if
// that is not known or not everybody may.
func sourceOf(o Options) func(ids infohash.Set) string {
	return func(ids infohash.Set) string {
		if o.PublicURL == "" || o.Private() {
			return ""
		}
		return web.DownloadURL(o.PublicURL, ids)
	}
}

// sitesOf returns which other sites' pages may read torrents here: all, if the service is for
// the public. What answers on loopback or in a private network is not, unless its operator has
// said so, as pages could otherwise read what their own servers cannot reach.
func sitesOf(o Options) *front.Sites {
	public := o.PublicURL != "" || len(o.Origins) > 0
	return &front.Sites{Named: o.Origins, Open: func() bool { return public && !o.Private() }}
}

// Home serves the front page, for doors that have it at another path.
func (d *Door) Home(w http.ResponseWriter, r *http.Request) { d.pages.home(w, r) }

// Routes returns the door's rows for the table of [front.New]. The last of them takes every
// path that no other route has.
func (d *Door) Routes() []front.Route {
	return slices.Concat(d.api.routes(), d.downloads.routes(), d.pages.routes())
}
