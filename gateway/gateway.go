// Package gateway is the HTTP door: JSON routes and raw torrents under /v1/,
// downloads under /torrent/, the API's documents and the pages.
//
// The package translates and has no cache rules: every request ends in a call of CacheService over
// the given connection, in process or remote. The package does its own routing, because a mux that
// redirects would break old clients.
//
// JSON is protobuf's mapping with lowerCamelCase names. Answers always carry
// all fields, empty ones too, so that a client sees which there are. Fields of a
// request that this version does not know are ignored.
package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"google.golang.org/grpc"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/web"
)

// Options configure a [Door].
type Options struct {
	// Options are the options of the pages. Some of them also hold for the door itself.
	// MaxTorrentSize is required, because the limits of bodies that wrap a torrent derive from it.
	// Without a DownloadMaxAge caches must revalidate each time. If not everybody may read all
	// downloads (Private), no cache may keep one for others. New sets Prefix.
	web.Options
	// Conn reaches the CacheService. It must be able to receive a message of
	// MaxTorrentSize and 64 KiB. Required.
	Conn grpc.ClientConnInterface
	// Torrents is the source of torrents for downloads, such as a cache in front of Conn. Nil:
	// Conn.
	Torrents Torrents
	// MissingMaxAge is how long caches may keep the answer that a torrent is not here;
	// less than a second means that none may. They never keep the answer for a removed
	// torrent.
	MissingMaxAge time.Duration
	// Origins are the origins of other sites whose pages may upload by JSON and read the answer.
	Origins []string
	// TooLarge is called for each upload that the door refuses for its size before Conn has seen
	// it. Nil: nothing is called.
	TooLarge func()
	// Logger gets the internal errors of the door. Nil: slog's default.
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
	o.Prefix = front.Prefix
	site, err := web.New(o.Options)
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
		pages:     &pages{site: site, client: client, log: o.Logger, hideTorrents: o.HideTorrents},
	}, nil
}

// sitesOf returns the other sites whose pages may read torrents here: all of them, if the service
// is for the public. A service on loopback or in a private network is not public unless its
// operator has said so. Otherwise other sites' pages could read, through a browser, torrents that
// their servers cannot reach.
func sitesOf(o Options) *front.Sites {
	public := o.PublicURL != "" || len(o.Origins) > 0
	return &front.Sites{Named: o.Origins, Open: func() bool { return public && !o.Private() }}
}

// Home serves the front page, for doors that have it at another path.
func (d *Door) Home(w http.ResponseWriter, r *http.Request) { d.pages.home(w, r) }

// Site writes the door's pages, for doors that answer with a page as well.
func (d *Door) Site() *web.Site { return d.pages.site }

// Routes returns the door's rows for the table of [front.New]. The last of them takes every
// path that no other route has.
func (d *Door) Routes() []front.Route {
	return slices.Concat(d.api.routes(), d.downloads.routes(), d.pages.routes())
}
