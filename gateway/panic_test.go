package gateway_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
	"google.golang.org/grpc"
)

// panickyConn is a connection whose calls panic, as a bug in a handler would.
type panickyConn struct{ grpc.ClientConnInterface }

func (panickyConn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	panic("boom")
}

func TestAPanicIsAnAnswer(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	handler, err := gateway.New(gateway.Options{Conn: panickyConn{}, Options: web.Options{MaxTorrentSize: 1000}, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(newFront(handler, log))
	defer server.Close()
	d := &door{t: t, url: server.URL}
	for _, c := range []struct{ method, path, header, body string }{
		{"POST", "/v1/torrents", asTorrent, "x"},
		{"POST", "/v1/torrents", asJSON, "{}"},
		{"GET", "/v1/torrents/" + knownHash, "", ""},
	} {
		wantError(t, d.do(c.method, c.path, c.body, c.header), 500, reason.Internal)
	}
	got := d.do("GET", "/torrent/"+knownHash, "")
	if got.StatusCode != http.StatusInternalServerError || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" || got.Header.Get("ETag") != "" {
		t.Errorf("%d %v %q", got.StatusCode, got.Header, got.body)
	}
}

func TestNewNeedsItsOptions(t *testing.T) {
	for name, o := range map[string]gateway.Options{
		"no connection": {Options: web.Options{MaxTorrentSize: 1}},
		"no limit":      {Conn: panickyConn{}},
	} {
		if _, err := gateway.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
