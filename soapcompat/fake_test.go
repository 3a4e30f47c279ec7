package soapcompat_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/front"
	"github.com/torrentcache/torrentcache/internal/front/fronttest"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/soapcompat"
	"github.com/torrentcache/torrentcache/web"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const (
	// maxTorrentSize is the limit of the doors under test, in bytes.
	maxTorrentSize = 100_000

	hashV1 = "0123456789ABCDEF0123456789ABCDEF01234567"
	hashV2 = "FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210FEDCBA9876543210"

	// torrent is the file that the recorded clients send.
	torrent = "d8:announce8:http://x4:infod6:lengthi5e4:name1:a12:piece lengthi16384e6:pieces20:aaaaabbbbbcccccdddddee"
)

// fakeBackend answers CacheTorrent as told and keeps the torrents that it was sent.
type fakeBackend struct {
	torrentcachev1.CacheServiceClient // no other call is made

	answer *torrentcachev1.CacheTorrentResponse // nil: hashV1, created
	err    error
	panics bool

	mu          sync.Mutex
	sent        []string
	credentials []string // that came with the calls
}

func (f *fakeBackend) CacheTorrent(ctx context.Context, in *torrentcachev1.CacheTorrentRequest, _ ...grpc.CallOption) (*torrentcachev1.CacheTorrentResponse, error) {
	f.mu.Lock()
	f.sent = append(f.sent, string(in.GetTorrent()))
	md, _ := metadata.FromOutgoingContext(ctx)
	f.credentials = append(f.credentials, md.Get("authorization")...)
	f.mu.Unlock()
	if f.panics {
		panic("a bug in the backend")
	}
	if f.err != nil {
		return nil, f.err
	}
	if f.answer != nil {
		return f.answer, nil
	}
	return &torrentcachev1.CacheTorrentResponse{
		InfoHash: hashV1, InfoHashV1: hashV1, Outcome: torrentcachev1.Outcome_OUTCOME_CREATED,
	}, nil
}

// got returns the last torrent that arrived, and whether any did.
func (f *fakeBackend) got() (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sent) == 0 {
		return "", false
	}
	return f.sent[len(f.sent)-1], true
}

// forget makes f as if nothing had arrived.
func (f *fakeBackend) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = nil
}

// newHandler returns the door's paths over f.
func newHandler(t testing.TB, f *fakeBackend) http.Handler {
	t.Helper()
	return newLimited(t, f, limit.New(limit.Settings{}))
}

// newLimited is newHandler with limits.
func newLimited(t testing.TB, f *fakeBackend, l *limit.Limits) http.Handler {
	t.Helper()
	h := newDoor(t, soapcompat.Options{Client: f, MaxTorrentSize: maxTorrentSize}, "")
	return fronttest.Recorded(front.New(front.Options{Routes: h.Routes(), Limits: l, Logger: slog.New(slog.DiscardHandler)}))
}

// newDoor returns the door of o, with pages of a server that has this public URL.
func newDoor(t testing.TB, o soapcompat.Options, publicURL string) *soapcompat.Handler {
	t.Helper()
	site, err := web.New(web.Options{PublicURL: publicURL, MaxTorrentSize: o.MaxTorrentSize, Prefix: front.Prefix})
	if err != nil {
		t.Fatal(err)
	}
	o.Site, o.Home = site, func(w http.ResponseWriter, r *http.Request) { site.Home(w, r, web.Uploads{}) }
	h, err := soapcompat.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// newServer serves the door's paths over f on a loopback address.
func newServer(t testing.TB, f *fakeBackend) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(newHandler(t, f))
	t.Cleanup(s.Close)
	return s
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do serves r by h without a network.
func do(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// post posts body to path of h.
func post(h http.Handler, path, contentType, body string) answer {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return do(h, r)
}

// send sends r over the network and reads the answer.
func send(t *testing.T, r *http.Request) answer {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, resp)
}

func readAnswer(t *testing.T, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}
