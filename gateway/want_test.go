package gateway_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
	"google.golang.org/grpc"
)

// wantedTorrents is a CacheService that has no torrents and looks for those that are wanted.
type wantedTorrents struct {
	torrentcachev1.UnimplementedCacheServiceServer

	mu   sync.Mutex
	want *torrentcachev1.WantTorrentRequest // the last; nil before it
	fail *reason.Error
}

func (f *wantedTorrents) WantTorrent(_ context.Context, r *torrentcachev1.WantTorrentRequest) (*torrentcachev1.WantTorrentResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	f.want = r
	return &torrentcachev1.WantTorrentResponse{}, nil
}

func (f *wantedTorrents) missing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := reason.New(reason.TorrentNotFound, "it is not cached").OnRead()
	if f.want != nil {
		return e.Looked(reason.Looking).After(5 * time.Second)
	}
	return e.Looked(reason.NotWanted)
}

func (f *wantedTorrents) GetTorrent(context.Context, *torrentcachev1.GetTorrentRequest) (*torrentcachev1.GetTorrentResponse, error) {
	return nil, f.missing()
}

func (f *wantedTorrents) DescribeTorrent(context.Context, *torrentcachev1.DescribeTorrentRequest) (*torrentcachev1.DescribeTorrentResponse, error) {
	return nil, f.missing()
}

func newWantingDoor(t *testing.T, o gateway.Options) (*door, *wantedTorrents) {
	t.Helper()
	service := &wantedTorrents{}
	o.Conn = dial(t, func(s *grpc.Server) { torrentcachev1.RegisterCacheServiceServer(s, service) })
	return newDoorBefore(t, o), service
}

const aTracker = "udp%3A%2F%2Ftracker.example%3A80"

// A visitor pastes a magnet link of a missing torrent. The button starts a search for it by the
// trackers of the link. The page then says so, and loads itself again.
func TestLookForIt(t *testing.T) {
	for prefix, o := range map[string]gateway.Options{"/info/": {}, "/lookup?q=": {Options: web.Options{HideTorrents: true}}} {
		d, service := newWantingDoor(t, o)
		link := "/lookup?q=magnet:%3Fxt=urn:btih:" + unknownHash + "%26tr=" + strings.ReplaceAll(aTracker, "%", "%25") + "%26tr=http://x/0123456789abcdef0123456789abcdef/a"
		page := d.do("GET", link, "")
		if !o.HideTorrents {
			if want := "/info/" + unknownHash + "?tr=" + aTracker; page.StatusCode != 303 || page.Header.Get("Location") != want {
				t.Fatalf("%d %v", page.StatusCode, page.Header)
			}
			page = d.do("GET", page.Header.Get("Location"), "")
		}
		for _, want := range []string{`action="/want"`, `value="` + unknownHash + `"`, `name="tr" value="udp://tracker.example:80"`, ">Look for it<"} {
			if page.StatusCode != 404 || !strings.Contains(page.body, want) {
				t.Errorf("%d, the page lacks %s: %s", page.StatusCode, want, page.body)
			}
		}
		if strings.Contains(page.body, "being looked for") || page.Header.Get("Refresh") != "" {
			t.Errorf("nobody has asked for it, and it is looked for: %v %s", page.Header, page.body)
		}
		sent := d.do("POST", "/want", "info_hash="+unknownHash+"&tr="+aTracker, "Content-Type: application/x-www-form-urlencoded")
		if at := prefix + unknownHash; sent.StatusCode != 303 || sent.Header.Get("Location") != at {
			t.Fatalf("%d %v", sent.StatusCode, sent.Header)
		}
		if got := service.want; got.GetInfoHash() != unknownHash || strings.Join(got.GetTrackers(), " ") != "udp://tracker.example:80" {
			t.Errorf("%v", got)
		}
		page = d.do("GET", sent.Header.Get("Location"), "")
		if page.StatusCode != 404 || page.Header.Get("Refresh") != "5; url="+prefix+unknownHash || page.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(page.body, "being looked for") || strings.Contains(page.body, "/want") {
			t.Errorf("%d %v %s", page.StatusCode, page.Header, page.body)
		}
	}
}

// The address of a download tells people and programs that its torrent is being looked for. No
// cache keeps that answer.
func TestDeadLinkThatIsLookedFor(t *testing.T) {
	d, service := newWantingDoor(t, gateway.Options{MissingMaxAge: time.Minute})
	path := "/torrent/" + unknownHash + ".torrent"
	if page := d.do("GET", path, "", toDocument, acceptHTML); !strings.Contains(page.body, "Look for it") || page.Header.Get("Refresh") != "" {
		t.Errorf("%v %s", page.Header, page.body)
	}
	if text := d.do("GET", path, ""); text.Header.Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("what nobody looks for: %v", text.Header)
	}
	service.want = &torrentcachev1.WantTorrentRequest{}
	page := d.do("GET", path, "", toDocument, acceptHTML)
	if page.StatusCode != 404 || page.Header.Get("Refresh") != "5" || page.Header.Get("Cache-Control") != "no-store" || !strings.Contains(page.body, "being looked for") {
		t.Errorf("%d %v %s", page.StatusCode, page.Header, page.body)
	}
	text := d.do("GET", path, "")
	if text.StatusCode != 404 || text.Header.Get("Cache-Control") != "no-store" || text.Header.Get("Retry-After") != "5" || !strings.Contains(text.body, "It is being looked for") {
		t.Errorf("%d %v %s", text.StatusCode, text.Header, text.body)
	}
}

func TestWantRefuses(t *testing.T) {
	d, service := newWantingDoor(t, gateway.Options{})
	for body, status := range map[string]int{"": 400, "info_hash=x": 400, "%": 400, "info_hash=" + strings.Repeat("0", 20_000): 400} {
		if got := d.do("POST", "/want", body); got.StatusCode != status {
			t.Errorf("%.50q: %d", body, got.StatusCode)
		}
	}
	service.fail = reason.New(reason.RateLimited, "three a minute").After(20 * time.Second)
	if got := d.do("POST", "/want", "info_hash="+unknownHash); got.StatusCode != 429 || got.Header.Get("Retry-After") != "20" || !strings.Contains(got.body, "hree a minute") {
		t.Errorf("%d %v %s", got.StatusCode, got.Header, got.body)
	}
	if got := d.do("GET", "/want", ""); got.StatusCode != 405 {
		t.Errorf("GET: %d", got.StatusCode)
	}
	if service.want != nil {
		t.Errorf("%v is wanted", service.want)
	}
}

// A server that does not look for torrents does not offer to.
func TestNoButtonWithoutMaxWanted(t *testing.T) {
	d := newDoor(t)
	for _, path := range []string{"/info/" + unknownHash, "/torrent/" + unknownHash + ".torrent"} {
		if got := d.do("GET", path, "", toDocument, acceptHTML); got.StatusCode != 404 || strings.Contains(got.body, "ook for it") || strings.Contains(got.body, "looked for") {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	if got := d.do("GET", "/lookup?q=magnet:%3Fxt=urn:btih:"+unknownHash+"%26tr=udp://tracker.example:80", ""); got.Header.Get("Location") != "/info/"+unknownHash {
		t.Errorf("%v", got.Header)
	}
}
