package soapcompat

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// Options configure a [Handler].
type Options struct {
	// Client caches the torrents. Required.
	Client torrentcachev1.CacheServiceClient
	// MaxTorrentSize is the size of the largest torrent in bytes. Required.
	MaxTorrentSize int64
	// Site writes the answer page. The WSDLs send clients to its public URL if a request has no
	// Host header or a proxy has replaced it. Required.
	Site *web.Site
	// Home serves the front page to browsers that ask for the form. Required.
	Home http.HandlerFunc
	// TooLarge is called for each upload that the door refuses for its size without calling Client.
	// It may be nil.
	TooLarge func()
	// Logger gets internal errors of the door. Nil: they are not logged.
	Logger *slog.Logger
}

// Handler serves the legacy paths. It is safe for concurrent use.
type Handler struct {
	client         torrentcachev1.CacheServiceClient
	maxTorrentSize int64
	site           *web.Site
	home           http.HandlerFunc
	tooLarge       func()
	log            *slog.Logger
	warned         sync.Once // about a proxy whose clients a WSDL may send to the wrong address
}

// New returns a Handler, or an error that names the option to change.
func New(o Options) (*Handler, error) {
	if o.Client == nil || o.MaxTorrentSize <= 0 || o.Site == nil || o.Home == nil {
		return nil, errors.New("soapcompat: Client, MaxTorrentSize, Site and Home are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TooLarge == nil {
		o.TooLarge = func() {}
	}
	return &Handler{
		client:         o.Client,
		maxTorrentSize: o.MaxTorrentSize,
		site:           o.Site,
		home:           o.Home,
		tooLarge:       o.TooLarge,
		log:            o.Logger,
	}, nil
}

// Routes returns the door's rows for the table of [front.New].
func (h *Handler) Routes() []front.Route {
	routes := []front.Route{
		{Door: "form", Pattern: "/autoupload.php", Get: h.autoupload, Post: h.autoupload, Refuse: refuseForm},
		{Door: "form", Pattern: "/upload.php", Get: h.home, Post: h.upload, Refuse: h.refusePage},
	}
	for _, b := range bindings {
		for _, path := range b.paths {
			routes = append(routes, front.Route{Door: "soap", Pattern: path, Get: h.wsdl(b), Post: h.soap(b), Refuse: b.refuse})
		}
	}
	return routes
}

// cached is a torrent that the backend has stored.
type cached struct {
	ids   infohash.Set
	known bool // it was stored before
}

// legacyHash returns the info hash for legacy callers: 40 upper-case hex digits.
func (c cached) legacyHash() string { return c.ids.Legacy().String() }

// cache passes torrent to the backend.
func (h *Handler) cache(r *http.Request, torrent []byte) (result cached, failure *reason.Error) {
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	answer, err := h.client.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err == nil {
		result.ids = infohash.SetOf(answer.GetInfoHashV1(), answer.GetInfoHashV2())
		result.known = answer.GetOutcome() != torrentcachev1.Outcome_OUTCOME_CREATED
		if result.ids == (infohash.Set{}) {
			err = errors.New("backend's answer has no info hash")
		}
	}
	if err != nil {
		failure = reason.Of(err)
		httpx.LogInternal(ctx, h.log, failure)
	}
	return result, failure
}

// setErrorText sets the header in which scripts look for the error, and passes the reason to the
// middleware in front of the door.
func setErrorText(w http.ResponseWriter, e *reason.Error) {
	outcome.Refused(w, e)
	w.Header().Set("X-Torrage-Error-Msg", e.LegacyText())
}
