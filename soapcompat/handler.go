package soapcompat

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// Options is what a [Handler] is made of.
type Options struct {
	// Client caches the torrents. Required.
	Client torrentcachev1.CacheServiceClient
	// MaxTorrentSize is the size of the largest torrent in bytes. Required.
	MaxTorrentSize int64
	// PublicURL is where the WSDLs send a client of whose request they do not know where
	// it was sent to: it has no Host header, or a proxy has replaced it. It is also what
	// the answer page calls this server, for example https://cache.example. Empty: the
	// address the request came in on.
	PublicURL string
	// Private reports whether torrents are not for everybody; see [web.Options]. Nil: they
	// are for everybody.
	Private func() bool
	// Home serves the front page, which a browser that asks for the form gets. Nil: one that
	// knows nothing of keys.
	Home http.HandlerFunc
	// HideTorrents says that torrents have no pages; see [web.Options].
	HideTorrents bool
	// Contact is the address for questions that the answer page names. Empty:
	// none.
	Contact string
	// TooLarge is told of each upload that is refused for its size before Client has
	// seen it. Nil: nobody is.
	TooLarge func()
	// Logger gets what goes wrong inside the door. Nil: nobody does.
	Logger *slog.Logger
}

// Handler serves the legacy paths. It is safe for concurrent use.
type Handler struct {
	client         torrentcachev1.CacheServiceClient
	maxTorrentSize int64
	publicURL      string // without a slash at the end; may be empty
	site           *web.Site
	home           http.HandlerFunc
	tooLarge       func()
	log            *slog.Logger
	warned         sync.Once // of a proxy whose clients the WSDLs may send astray
}

// New returns a Handler, or an error that names the option to change.
func New(o Options) (*Handler, error) {
	if o.Client == nil {
		return nil, errors.New("soapcompat: Client is missing")
	}
	if o.MaxTorrentSize <= 0 {
		return nil, fmt.Errorf("soapcompat: MaxTorrentSize is %d, want more than 0", o.MaxTorrentSize)
	}
	if err := checkPublicURL(o.PublicURL); err != nil {
		return nil, err
	}
	site, err := web.New(web.Options{PublicURL: o.PublicURL, MaxTorrentSize: o.MaxTorrentSize, Contact: o.Contact, Private: o.Private, HideTorrents: o.HideTorrents, Prefix: front.Prefix})
	if err != nil {
		return nil, fmt.Errorf("soapcompat: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Home == nil {
		o.Home = func(w http.ResponseWriter, r *http.Request) { site.Home(w, r, web.Uploads{}) }
	}
	if o.TooLarge == nil {
		o.TooLarge = func() {}
	}
	return &Handler{
		client:         o.Client,
		maxTorrentSize: o.MaxTorrentSize,
		publicURL:      strings.TrimSuffix(o.PublicURL, "/"),
		site:           site,
		home:           o.Home,
		tooLarge:       o.TooLarge,
		log:            o.Logger,
	}, nil
}

func checkPublicURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("soapcompat: PublicURL is %q, want http:// or https:// and a host", s)
	}
	return nil
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

// cached is a torrent that the backend has.
type cached struct {
	ids   infohash.Set
	known bool // it was there before
}

// legacyHash is the info hash as legacy callers know it: 40 upper-case hex digits.
func (c cached) legacyHash() string { return c.ids.Legacy().String() }

// cache hands torrent on.
func (h *Handler) cache(r *http.Request, torrent []byte) (result cached, failure *reason.Error) {
	ctx, cancel := httpx.CallContext(r)
	defer cancel()
	answer, err := h.client.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
	if err == nil {
		result, err = resultOf(answer)
	}
	if err != nil {
		failure = reason.Of(err)
		httpx.LogInternal(ctx, h.log, failure)
	}
	return result, failure
}

func resultOf(answer *torrentcachev1.CacheTorrentResponse) (cached, error) {
	result := cached{known: answer.GetOutcome() != torrentcachev1.Outcome_OUTCOME_CREATED}
	for _, id := range []struct {
		to   *infohash.ID
		text string
	}{{&result.ids.V1, answer.GetInfoHashV1()}, {&result.ids.V2, answer.GetInfoHashV2()}} {
		if id.text == "" {
			continue
		}
		parsed, err := infohash.Parse(id.text)
		if err != nil {
			return cached{}, fmt.Errorf("backend's answer: %w", err)
		}
		*id.to = parsed
	}
	if result.ids == (infohash.Set{}) {
		return cached{}, errors.New("backend's answer has no info hash")
	}
	return result, nil
}

// setErrorText sets the header in which scripts look for what went wrong, and tells the
// layers before the door the reason.
func setErrorText(w http.ResponseWriter, e *reason.Error) {
	outcome.Refused(w, e)
	w.Header().Set("X-Torrage-Error-Msg", e.LegacyText())
}
