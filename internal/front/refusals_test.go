package front_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/torrentcache/torrentcache/gateway"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/lifecycle"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/soapcompat"
	"github.com/torrentcache/torrentcache/web"
)

// maxTorrentSize is the largest torrent of the doors under test, in bytes.
const maxTorrentSize = 1000

// refusing is a backend that refuses all calls: this server's torrents are private.
type refusing struct{ grpc.ClientConnInterface }

func (refusing) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return reason.New(reason.Unauthenticated, "this needs a key")
}

// realRoutes are the rows of all doors.
func realRoutes(t *testing.T) []front.Route {
	t.Helper()
	modern, err := gateway.New(gateway.Options{Conn: refusing{}, Options: web.Options{MaxTorrentSize: maxTorrentSize}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := soapcompat.New(soapcompat.Options{
		Client: torrentcachev1.NewCacheServiceClient(refusing{}), MaxTorrentSize: maxTorrentSize, Site: modern.Site(), Home: modern.Home,
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(modern.Routes(), legacy.Routes(), []front.Route{
		{Door: "health", Pattern: "/livez", Any: lifecycle.Live},
	})
}

// request returns a request for rt, with a body for a POST.
func request(rt front.Route, method string) *http.Request {
	hash := strings.Repeat("AB", 20)
	path := strings.NewReplacer("{info_hash}", hash, "{hash}", hash, "...", hash).Replace(rt.Pattern)
	r := httptest.NewRequest(method, path+"?q="+hash, nil)
	if method == http.MethodPost {
		r = httptest.NewRequest(method, path, strings.NewReader("d4:infode"))
	}
	switch rt.Door {
	case "soap":
		r.Header.Set("Content-Type", "application/soap+xml")
	case "api":
		r.Header.Set("Content-Type", "application/json")
	default:
		r.Header.Set("Content-Type", "application/x-bittorrent")
	}
	return r
}

// layer is something that refuses requests.
type layer struct {
	why    reason.Reason
	method string // of the request; "" is the row's first one
	of     func(rt front.Route) bool
	// prepare makes the layer refuse.
	prepare func(o *front.Options, rt *front.Route, r *http.Request)
}

func every(front.Route) bool        { return true }
func posts(rt front.Route) bool     { return rt.Post != nil }
func needsRole(rt front.Route) bool { return rt.Post != nil && !rt.Asks }
func uploads(rt front.Route) bool   { return rt.Post != nil && !rt.Reads }
func reads(rt front.Route) bool     { return rt.Reads }
func getsTorrents(rt front.Route) bool {
	return rt.Reads && rt.Get != nil && rt.Pattern != "/torrent" && rt.Pattern != "/lookup"
}

var layers = map[string]layer{
	"another site's page": {reason.PermissionDenied, "POST", every, func(_ *front.Options, _ *front.Route, r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.SetBasicAuth("", "remembered")
	}},
	"no role": {reason.Unauthenticated, "POST", needsRole, func(o *front.Options, _ *front.Route, _ *http.Request) {
		o.Gate = access.NewGate(access.New(access.Read, nil))
	}},
	"rate of downloads": {reason.RateLimited, "", reads, func(o *front.Options, _ *front.Route, _ *http.Request) {
		o.Limits.Set(limit.Settings{DownloadRate: 0.0001})
		_ = o.Limits.Download(limit.Caller{Addr: netip.MustParseAddr("192.0.2.1")}) // httptest's clients
	}},
	"limit of uploads": {reason.Overloaded, "POST", posts, func(o *front.Options, _ *front.Route, _ *http.Request) {
		o.Limits.Set(limit.Settings{Uploads: 1})
		_, _ = o.Limits.ArrivingUpload(limit.Caller{})
	}},
	"size": {reason.TorrentTooLarge, "POST", uploads, func(_ *front.Options, _ *front.Route, r *http.Request) {
		r.ContentLength = 1 << 20
	}},
	"panic": {reason.Internal, "", every, func(_ *front.Options, rt *front.Route, _ *http.Request) {
		handlers := []*http.HandlerFunc{&rt.Get, &rt.Post, &rt.Any}
		for _, h := range handlers {
			if *h != nil {
				*h = func(http.ResponseWriter, *http.Request) { panic("boom") }
			}
		}
	}},
	"method": {reason.MethodNotAllowed, "PUT", func(rt front.Route) bool { return rt.Any == nil },
		func(*front.Options, *front.Route, *http.Request) {}},
	"private": {reason.Unauthenticated, "GET", getsTorrents, func(*front.Options, *front.Route, *http.Request) {}},
}

// The refusal of every layer at every row is written in the way of the row's door.
func TestEveryLayerRefusesInTheWayOfTheDoor(t *testing.T) {
	for name, l := range layers {
		n := 0
		for _, rt := range realRoutes(t) {
			if !l.of(rt) {
				continue
			}
			n++
			method := l.method
			if method == "" {
				method = http.MethodGet
				if rt.Get == nil && rt.Any == nil {
					method = http.MethodPost
				}
			}
			r := request(rt, method)
			o := front.Options{Limits: limit.New(limit.Settings{}), Logger: slog.New(slog.DiscardHandler)}
			l.prepare(&o, &rt, r)
			o.Routes = []front.Route{rt}
			w := httptest.NewRecorder()
			front.New(o).ServeHTTP(w, r)
			if problem := wayOf(rt, method).problem(l.why, w); problem != "" {
				t.Errorf("%s, %s %s: %s: %d %v %s", name, method, rt.Pattern, problem, w.Code, w.Header(), w.Body)
			}
		}
		if n < 2 {
			t.Errorf("%s: only %d rows", name, n)
		}
	}
}

// way is how a door answers a reason.
type way struct {
	contentType string
	status      func(reason.Answer) int
	text        func(reason.Reason) string // is in the body
}

func statusOfJSON(a reason.Answer) int { return a.JSON }

func textOf(why reason.Reason) string { return why.Answer().Text }

func wayOf(rt front.Route, method string) way {
	switch {
	case rt.Door == "api":
		return way{"application/json", statusOfJSON, func(why reason.Reason) string { return string(why) }}
	case rt.Door == "soap" && method != http.MethodPost:
		return way{"application/soap+xml; charset=utf-8", statusOfJSON, textOf}
	case rt.Door == "soap":
		return way{"application/soap+xml; charset=utf-8", func(a reason.Answer) int {
			if a.JSON == http.StatusUnauthorized || a.JSON == http.StatusForbidden {
				return a.JSON
			}
			return http.StatusOK
		}, func(why reason.Reason) string {
			if why == reason.Unauthenticated || why == reason.PermissionDenied {
				return textOf(why)
			}
			return fmt.Sprintf(">%d<", why.Answer().SOAP)
		}}
	case rt.Pattern == "/autoupload.php":
		return way{"text/plain; charset=utf-8", func(a reason.Answer) int { return a.Form }, func(why reason.Reason) string {
			return fmt.Sprintf("Error %d: %s", why.Answer().SOAP, textOf(why))
		}}
	case rt.Pattern == "/upload.php", rt.Pattern == "/lookup", rt.Pattern == "/want", rt.Pattern == "/info/{info_hash}":
		return way{"text/html; charset=utf-8", statusOfJSON, textOf}
	}
	return way{"text/plain; charset=utf-8", func(a reason.Answer) int { return a.Download }, func(why reason.Reason) string {
		if why == reason.MethodNotAllowed {
			return "GET" // the text says which method to use
		}
		return textOf(why)
	}}
}

// problem returns the part of an answer that is not as the door answers why; "" if there is none.
func (way way) problem(why reason.Reason, w *httptest.ResponseRecorder) string {
	h := w.Header()
	challenged := len(h.Values("WWW-Authenticate")) > 0
	later := w.Code == http.StatusTooManyRequests || w.Code == http.StatusServiceUnavailable
	switch {
	case h.Get("Content-Type") != way.contentType:
		return "content type, want " + way.contentType
	case w.Code != way.status(why.Answer()):
		return fmt.Sprint("status, want ", way.status(why.Answer()))
	case !strings.Contains(w.Body.String(), way.text(why)):
		return "text, want " + way.text(why)
	case h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff":
		return "headers"
	case challenged != (w.Code == http.StatusUnauthorized):
		return "WWW-Authenticate"
	case later && h.Get("Retry-After") == "":
		return "Retry-After"
	case w.Code == http.StatusMethodNotAllowed && h.Get("Allow") == "":
		return "Allow"
	case way.contentType == "application/json" && !json.Valid(w.Body.Bytes()):
		return "JSON"
	}
	return ""
}
