package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/access"
)

// caller is a client with a key, or without one.
type caller struct {
	name  string
	key   string // "" shows none
	roles access.Roles
	known bool // the server knows the key
}

// keysFile returns a keys file and callers: one for each role, one without a key, and one with a
// wrong key.
func keysFile(t *testing.T) (string, []caller) {
	t.Helper()
	callers := []caller{{name: "nobody"}, {name: "a wrong key", key: access.NewKey()}}
	var lines strings.Builder
	for _, role := range []access.Roles{access.Read, access.Write, access.Sync, access.Admin} {
		c := caller{name: role.String(), key: access.NewKey(), roles: role, known: true}
		callers = append(callers, c)
		fmt.Fprintln(&lines, access.Entry{Name: c.name, Roles: role, Key: access.DigestOf(c.key)})
	}
	return writeFile(t, t.TempDir(), "keys", []byte(lines.String())), callers
}

// keyOf returns the key of the caller with that role.
func keyOf(callers []caller, role access.Roles) string {
	for _, c := range callers {
		if c.roles == role {
			return c.key
		}
	}
	return ""
}

// showing is a way to show a key over HTTP.
type showing struct {
	name string
	do   func(r *http.Request, key string)
}

var showings = []showing{
	{"Bearer", func(r *http.Request, key string) { r.Header.Set("Authorization", "Bearer "+key) }},
	{"Basic", func(r *http.Request, key string) { r.SetBasicAuth("anyone", key) }},
	{"path", func(r *http.Request, key string) { r.URL.Path = "/k/" + key + r.URL.Path }},
}

// httpCall is a request, and the role that it needs; 0 if none.
type httpCall struct {
	role                      access.Roles
	method, path, contentType string
	body                      []byte
}

// publicCalls are the calls of the public HTTP doors.
func publicCalls(t *testing.T, torrent []byte) map[string]httpCall {
	t.Helper()
	hash := infoHash(torrent)
	formBody, formType := form(t, torrent)
	jsonBody := fmt.Appendf(nil, `{"torrent": %q}`, base64Of(torrent))
	return map[string]httpCall{
		"raw upload":      {access.Write, "POST", "/v1/torrents", "application/x-bittorrent", torrent},
		"JSON upload":     {access.Write, "POST", "/v1/torrents", "application/json", jsonBody},
		"findMissing":     {access.Write, "POST", "/v1/torrents:findMissing", "application/json", fmt.Appendf(nil, `{"infoHashes": [%q]}`, hash)},
		"JSON get":        {access.Read, "GET", "/v1/torrents/" + hash, "", nil},
		"describe":        {access.Read, "GET", "/v1/torrents/" + hash + "/info", "", nil},
		"download":        {access.Read, "GET", "/torrent/" + hash + ".torrent", "", nil},
		"download's head": {access.Read, "HEAD", "/torrent/" + hash + ".torrent", "", nil},
		"titled download": {access.Read, "GET", "/torrent/" + hash + "/a.torrent", "", nil},
		"torrent page":    {access.Read, "GET", "/info/" + hash, "", nil},
		"form":            {access.Write, "POST", "/autoupload.php", formType, formBody},
		"browser's form":  {access.Write, "POST", "/upload.php", formType, formBody},
		"SOAP":            {access.Write, "POST", "/api/index.php", "text/xml", soapCall(torrent)},
		"SOAP to WSDL":    {access.Write, "POST", "/api/torrage.wsdl", "text/xml", soapCall(torrent)},
		"literal SOAP":    {access.Write, "POST", "/api/soap", "text/xml", soapCall(torrent)},
		"WSDL":            {0, "GET", "/api/torrage.wsdl", "", nil},
		"front page":      {0, "GET", "/", "", nil},
		"OpenAPI":         {0, "GET", "/api/openapi.json", "", nil},
		"liveness":        {0, "GET", "/livez", "", nil},
	}
}

// operatorCalls are those of the admin listener.
var operatorCalls = map[string]httpCall{
	"stats":     {access.Admin, "GET", "/v1/admin/stats", "", nil},
	"restore":   {access.Admin, "POST", "/v1/admin/torrents/" + strings.Repeat("AB", 20) + ":restore", "application/json", []byte("{}")},
	"profiles":  {access.Admin, "GET", "/debug/pprof/cmdline", "", nil},
	"metrics":   {0, "GET", "/metrics", "", nil},
	"readiness": {0, "GET", "/readyz", "", nil},
}

// make makes the call at site, with the key shown unless it is empty.
func (c httpCall) make(t *testing.T, site string, show showing, key string) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, strings.TrimSuffix(site, "/")+c.path, bytes.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.contentType != "" {
		r.Header.Set("Content-Type", c.contentType)
	}
	if key != "" {
		show.do(r, key)
	}
	return send(t, http.DefaultTransport, r)
}

// wantedStatus is the status of a refusal; 0 if the caller may.
func wantedStatus(who caller, needs, anonymous access.Roles) int {
	switch {
	case needs == 0:
		return 0
	case who.key != "" && !who.known:
		return http.StatusUnauthorized
	case (who.roles | anonymous).Has(needs):
		return 0
	case who.known:
		return http.StatusForbidden
	default:
		return http.StatusUnauthorized
	}
}

// checkHTTP makes each call for each caller, twice, so that the second one meets the answers that
// the first one left in caches. A wrong key in the path is refused for all of them.
func checkHTTP(t *testing.T, site string, calls map[string]httpCall, callers []caller, anonymous access.Roles, ways []showing) {
	t.Helper()
	for name, call := range calls {
		for _, who := range append(callers, callers...) {
			for _, show := range ways {
				code, header, body := call.make(t, site, show, who.key)
				want := wantedStatus(who, call.role, anonymous)
				if show.name == "path" && who.key != "" && !who.known {
					want = http.StatusUnauthorized
				}
				refused := code == http.StatusUnauthorized || code == http.StatusForbidden
				if refused != (want != 0) || refused && code != want {
					t.Errorf("anonymous has %s: %s by %s, key as %s: %d, want %d (0 is not refused): %.300s", anonymous, name, who.name, show.name, code, want, body)
				}
				if challenge := header.Values("WWW-Authenticate"); (len(challenge) == 2) != (code == http.StatusUnauthorized) {
					t.Errorf("%s: %d with WWW-Authenticate %q", name, code, challenge)
				}
				// Forms and the WSDL keep a key that the caller gave in the path.
				kept := strings.HasPrefix(header.Get("Content-Type"), "text/html") || call.role == 0
				if who.key != "" && !kept && bytes.Contains(body, []byte(who.key)) {
					t.Errorf("%s: the answer has the key: %.300s", name, body)
				}
			}
		}
	}
}

// grpcCalls are those of the gRPC ports.
var grpcCalls = map[string]struct {
	role access.Roles
	call func(ctx context.Context, p *grpcPorts, torrent []byte) error
}{
	"CacheTorrent": {access.Write, func(ctx context.Context, p *grpcPorts, torrent []byte) error {
		_, err := p.cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		return err
	}},
	"CacheTorrents": {access.Write, func(ctx context.Context, p *grpcPorts, torrent []byte) error {
		stream, err := p.cache.CacheTorrents(ctx)
		if err != nil {
			return err
		}
		// A refused stream may be over before this is sent; Recv says why.
		_ = stream.Send(&torrentcachev1.CacheTorrentsRequest{Torrent: torrent})
		_ = stream.CloseSend()
		_, err = stream.Recv()
		return err
	}},
	"GetTorrent": {access.Read, func(ctx context.Context, p *grpcPorts, torrent []byte) error {
		_, err := p.cache.GetTorrent(ctx, &torrentcachev1.GetTorrentRequest{InfoHash: infoHash(torrent)})
		return err
	}},
	"DescribeTorrent": {access.Read, func(ctx context.Context, p *grpcPorts, torrent []byte) error {
		_, err := p.cache.DescribeTorrent(ctx, &torrentcachev1.DescribeTorrentRequest{InfoHash: infoHash(torrent)})
		return err
	}},
	"FindMissingTorrents": {access.Write, func(ctx context.Context, p *grpcPorts, torrent []byte) error {
		_, err := p.cache.FindMissingTorrents(ctx, &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: []string{infoHash(torrent)}})
		return err
	}},
	"WatchChanges": {access.Sync, func(ctx context.Context, p *grpcPorts, _ []byte) error {
		feed, err := p.sync.WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{})
		if err == nil {
			_, err = feed.Recv()
		}
		return err
	}},
	"GetStats": {access.Admin, func(ctx context.Context, p *grpcPorts, _ []byte) error {
		_, err := p.admin.GetStats(ctx, &torrentcachev1.GetStatsRequest{})
		return err
	}},
	"VerifyStore": {access.Admin, func(ctx context.Context, p *grpcPorts, _ []byte) error {
		stream, err := p.admin.VerifyStore(ctx, &torrentcachev1.VerifyStoreRequest{})
		for err == nil {
			_, err = stream.Recv()
		}
		if err == io.EOF {
			return nil
		}
		return err
	}},
}

type grpcPorts struct {
	cache torrentcachev1.CacheServiceClient
	sync  torrentcachev1.SyncServiceClient
	admin torrentcachev1.AdminServiceClient
}

func checkGRPC(t *testing.T, p *process, torrent []byte, callers []caller, anonymous access.Roles) {
	t.Helper()
	public := dialTest(t, p.grpc)
	ports := &grpcPorts{torrentcachev1.NewCacheServiceClient(public), torrentcachev1.NewSyncServiceClient(public),
		torrentcachev1.NewAdminServiceClient(dialTest(t, p.adminAddress(t)))}
	for name, c := range grpcCalls {
		for _, who := range callers {
			ctx, cancel := context.WithCancel(t.Context())
			if who.key != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+who.key)
			}
			err := c.call(ctx, ports, torrent)
			cancel()
			want := map[int]codes.Code{0: codes.OK, 401: codes.Unauthenticated, 403: codes.PermissionDenied}[wantedStatus(who, c.role, anonymous)]
			if status.Code(err) != want {
				t.Errorf("anonymous has %s: %s by %s: %v, want %s", anonymous, name, who.name, err, want)
			}
		}
	}
}
