package front_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// book keeps what a meter is told.
type book struct {
	began int
	ended []front.Access
}

func (b *book) Began()               { b.began++ }
func (b *book) Ended(a front.Access) { b.ended = append(b.ended, a) }

// observe serves one request and returns what the meter was told.
func observe(t *testing.T, handler http.HandlerFunc, target string) front.Access {
	t.Helper()
	b := &book{}
	s := quietServer(t, front.New(front.Options{
		Routes: []front.Route{{Door: "d", Pattern: "/x/...", Post: handler}, {Door: "page", Pattern: "/...", Any: named("")}},
		Limits: limit.New(limit.Settings{}), Logger: slog.New(slog.DiscardHandler), Meter: b,
	}))
	resp, err := http.Post(s.URL+target, "text/plain", strings.NewReader("1234567"))
	if err == nil {
		resp.Body.Close()
	}
	s.Close() // waits for the handler
	if b.began != 1 || len(b.ended) != 1 {
		t.Fatalf("%d began, %d ended", b.began, len(b.ended))
	}
	return b.ended[0]
}

func TestObserved(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
		sent    int64
		why     reason.Reason
	}{
		{"says nothing", func(http.ResponseWriter, *http.Request) {}, 200, 0, ""},
		{"writes at once", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, 200, 5, ""},
		{"fails", func(w http.ResponseWriter, _ *http.Request) {
			outcome.Refused(w, reason.New(reason.TorrentInvalid, ""))
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, "abc")
		}, 418, 3, reason.TorrentInvalid},
		{"gives a hint first", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		}, 404, 0, ""},
		{"cuts the connection", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}, 200, 4, ""},
		{"panics", func(http.ResponseWriter, *http.Request) { panic("boom") }, 500, 27, reason.Internal},
		{"may set deadlines", func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
		}, 200, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := observe(t, func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					t.Error(err)
				}
				c.handler(w, r)
			}, "/k/secret/x/y")
			if a.Status != c.status || a.Sent != c.sent || a.Received != 7 || a.Outcome.Reason != c.why || a.Duration < 0 || a.Begin.IsZero() {
				t.Errorf("%+v", a)
			}
			if a.Route.Door != "d" || a.Route.Pattern != "/x/..." || front.Prefix(a.Request) != "/k/secret" {
				t.Errorf("%+v, %q", a.Route, front.Prefix(a.Request))
			}
		})
	}
}

// A refusal by a layer is observed with its reason as well.
func TestObservedRefusal(t *testing.T) {
	b := &book{}
	h := front.New(front.Options{
		Routes: []front.Route{{Door: "d", Pattern: "/...", Get: named("")}}, Limits: limit.New(limit.Settings{}),
		Logger: slog.New(slog.DiscardHandler), Meter: b,
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPut, "/a", nil))
	if len(b.ended) != 1 || b.ended[0].Outcome.Reason != reason.MethodNotAllowed || b.ended[0].Status != http.StatusMethodNotAllowed {
		t.Errorf("%+v", b.ended)
	}
}
