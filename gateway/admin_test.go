package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/gateway"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"google.golang.org/grpc"
)

// fakeAdmin notes the last call.
type fakeAdmin struct {
	torrentcachev1.UnimplementedAdminServiceServer
	asked string
}

func (f *fakeAdmin) RemoveTorrent(_ context.Context, r *torrentcachev1.RemoveTorrentRequest) (*torrentcachev1.RemoveTorrentResponse, error) {
	f.asked = "remove " + r.GetInfoHash() + " " + r.GetReason()
	return &torrentcachev1.RemoveTorrentResponse{WasCached: true}, nil
}

func (f *fakeAdmin) RestoreTorrent(_ context.Context, r *torrentcachev1.RestoreTorrentRequest) (*torrentcachev1.RestoreTorrentResponse, error) {
	f.asked = "restore " + r.GetInfoHash()
	return nil, reason.New(reason.TorrentNotFound, "not removed")
}

func (f *fakeAdmin) RemoveTorrents(_ context.Context, r *torrentcachev1.RemoveTorrentsRequest) (*torrentcachev1.RemoveTorrentsResponse, error) {
	f.asked = fmt.Sprint("remove ", len(r.GetInfoHashes()), " ", r.GetReason())
	return &torrentcachev1.RemoveTorrentsResponse{Results: []*torrentcachev1.RemoveTorrentsResult{
		{Result: &torrentcachev1.RemoveTorrentsResult_Removed{Removed: &torrentcachev1.RemoveTorrentResponse{WasCached: true}}},
		{Result: &torrentcachev1.RemoveTorrentsResult_Error{Error: &torrentcachev1.ItemError{Reason: "HASH_MALFORMED"}}},
	}}, nil
}

func (f *fakeAdmin) RestoreTorrents(_ context.Context, r *torrentcachev1.RestoreTorrentsRequest) (*torrentcachev1.RestoreTorrentsResponse, error) {
	f.asked = fmt.Sprint("restore ", len(r.GetInfoHashes()))
	return &torrentcachev1.RestoreTorrentsResponse{}, nil
}

func (f *fakeAdmin) GetStats(context.Context, *torrentcachev1.GetStatsRequest) (*torrentcachev1.GetStatsResponse, error) {
	f.asked = "stats"
	return &torrentcachev1.GetStatsResponse{TorrentCount: 7, MissingSegments: []*torrentcachev1.MissingSegment{
		{File: "segments/a", FromOffset: 4096, Counted: true, TorrentCount: 3},
	}}, nil
}

func (f *fakeAdmin) Drain(context.Context, *torrentcachev1.DrainRequest) (*torrentcachev1.DrainResponse, error) {
	f.asked = "drain"
	return &torrentcachev1.DrainResponse{}, nil
}

func newAdminDoor(t *testing.T) (*door, *fakeAdmin) {
	t.Helper()
	fake := &fakeAdmin{}
	conn := dial(t, func(s *grpc.Server) { torrentcachev1.RegisterAdminServiceServer(s, fake) })
	handler, err := gateway.NewAdmin(conn, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &door{t: t, url: server.URL}, fake
}

func TestAdmin(t *testing.T) {
	d, fake := newAdminDoor(t)
	torrent := "/v1/admin/torrents/" + strings.ToLower(knownHash)
	many := `{"infoHashes":["` + strings.Repeat(strings.Repeat("AB", 32)+`", "`, 999) + knownHash + `"],"reason":"spam"}`
	for _, c := range []struct {
		name, method, path, body, asked string
		status                          int
		text                            string
	}{
		{"stats", "GET", "/v1/admin/stats", "", "stats", 200, `"torrentCount":"7"`},
		{"what is missing", "GET", "/v1/admin/stats", "", "stats", 200,
			`"missingSegments":[{"file":"segments/a","fromOffset":"4096","counted":true,"torrentCount":"3","removalCount":"0"}]`},
		{"drain", "POST", "/v1/admin/drain", "", "drain", 200, `{}`},
		{"remove", "POST", torrent + ":remove", `{"reason":"spam"}`, "remove " + knownHash + " spam", 200, `"wasCached":true`},
		{"restore", "POST", torrent + ":restore", `{}`, "restore " + knownHash, 404, "TORRENT_NOT_FOUND"},
		{"remove many", "POST", "/v1/admin/torrents:remove", many, "remove 1000 spam", 200, `{"results":[{"removed":{"wasCached":true}},{"error":{`},
		{"restore many", "POST", "/v1/admin/torrents:restore", many, "restore 1000", 200, `{"results":[]}`},
		{"too long a list", "POST", "/v1/admin/torrents:remove", strings.Repeat(" ", 256<<10) + many, "", 413, "TORRENT_TOO_LARGE"},
		{"a bad verb for many", "POST", "/v1/admin/torrents:burn", many, "", 404, "ROUTE_NOT_FOUND"},
		{"unknown field", "POST", torrent + ":remove", `{"reason":"spam","why":{"so":1}}`, "remove " + knownHash + " spam", 200, `"wasCached":true`},
		{"two values", "POST", torrent + ":remove", `{"reason":"spam"}{}`, "", 400, "REQUEST_INVALID"},
		{"bad hash", "POST", "/v1/admin/torrents/x:remove", `{}`, "", 400, "HASH_MALFORMED"},
		{"bad verb", "POST", torrent + ":burn", `{}`, "", 404, "ROUTE_NOT_FOUND"},
		{"no verb", "POST", torrent, `{}`, "", 404, "ROUTE_NOT_FOUND"},
		{"wrong method", "GET", "/v1/admin/drain", "", "", 405, "METHOD_NOT_ALLOWED"},
		{"the public routes", "GET", "/v1/torrents/" + knownHash, "", "", 404, "ROUTE_NOT_FOUND"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fake.asked = ""
			got := d.do(c.method, c.path, c.body)
			if got.StatusCode != c.status || !strings.Contains(strings.ReplaceAll(got.body, " ", ""), c.text) || fake.asked != c.asked {
				t.Errorf("%d %s, asked %q", got.StatusCode, got.body, fake.asked)
			}
		})
	}
}

func TestAdminTakesOnlyJSON(t *testing.T) {
	d, fake := newAdminDoor(t)
	wantError(t, d.do("POST", "/v1/admin/drain", "x", "Content-Type: text/plain"), 415, reason.MediaUnsupported)
	if fake.asked != "" {
		t.Errorf("asked %q", fake.asked)
	}
}
