package web_test

import (
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

const hash = "0123456789ABCDEF0123456789ABCDEF01234567"

func newSite(t *testing.T, o web.Options) *web.Site {
	t.Helper()
	if o.MaxTorrentSize == 0 {
		o.MaxTorrentSize = 10_000_000
	}
	site, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func ids(t *testing.T) infohash.Set {
	t.Helper()
	id, err := infohash.Parse(hash)
	if err != nil {
		t.Fatal(err)
	}
	return infohash.Set{V1: id}
}

// render returns the answer of page to a request to host.
func render(host string, page func(http.ResponseWriter, *http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = host
	w := httptest.NewRecorder()
	page(w, r)
	return w
}

func guide(site *web.Site) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { site.Automation(w, r, web.Uploads{}) }
}

// pages is every page, in each of its states, with hostile text where text goes.
func pages(t *testing.T, site *web.Site) map[string]*httptest.ResponseRecorder {
	const hostile = `<script>alert("x")</script>`
	upload := func(result web.UploadResult) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { site.UploadAnswer(w, r, result) }
	}
	lookup := func(result web.LookupResult) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { site.LookupAnswer(w, r, result) }
	}
	torrent := func(about web.Torrent) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { site.TorrentPage(w, r, about) }
	}
	home := func(about web.Uploads) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { site.Home(w, r, about) }
	}
	found := func(list web.LookupList) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { site.LookupListAnswer(w, r, list) }
	}
	dead := func(link web.DeadLink) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { site.DeadLink(w, r, http.StatusNotFound, link) }
	}
	const host = "cache.example"
	return map[string]*httptest.ResponseRecorder{
		"home":            render(host, home(web.Uploads{})),
		"home, keyed":     render(host, home(web.Uploads{NeedKey: true})),
		"found":           render(host, found(web.LookupList{Query: hostile, Found: ids(t).All(), Missing: ids(t).All(), Unread: []string{hostile}})),
		"automation":      render(host, guide(site)),
		"not found":       render(host, site.NotFound),
		"removal":         render(host, site.Removal),
		"upload":          render(host, upload(web.UploadResult{IDs: ids(t)})),
		"upload, known":   render(host, upload(web.UploadResult{IDs: ids(t), Known: true})),
		"upload, refused": render(host, upload(web.UploadResult{Err: reason.New(reason.TorrentInvalid, hostile)})),
		"torrent":         render(host, torrent(hostileTorrent(t))),
		"torrent, plain":  render(host, torrent(web.Torrent{IDs: ids(t), Magnet: ids(t).Magnet()})),
		"dead link":       render(host, dead(web.DeadLink{IDs: ids(t), Err: reason.New(reason.TorrentNotFound, hostile)})),
		"dead, removed":   render(host, dead(web.DeadLink{IDs: ids(t), Err: reason.New(reason.TorrentRemoved, hostile)})),
		"dead, no hash":   render(host, dead(web.DeadLink{Err: reason.New(reason.HashMalformed, hostile)})),
		"lookup":          render(host, lookup(web.LookupResult{Query: hostile, IDs: ids(t), Name: hostile, FileCount: 1})),
		"lookup, unnamed": render(host, lookup(web.LookupResult{IDs: ids(t), FileCount: 2})),
		"lookup, missing": render(host, lookup(web.LookupResult{Query: hostile, IDs: ids(t), Err: reason.New(reason.TorrentNotFound, hostile)})),
		"lookup, removed": render(host, lookup(web.LookupResult{IDs: ids(t), Err: reason.New(reason.TorrentRemoved, hostile)})),
		"lookup, no hash": render(host, lookup(web.LookupResult{Query: hostile, Err: reason.New(reason.HashMalformed, hostile)})),
	}
}

var (
	foreign = regexp.MustCompile(`(?i)(src|href|action)="(//|https?:)`)
	script  = regexp.MustCompile(`<script type="module" src="/[a-z]+\.js"></script>`) // of this server
	inline  = regexp.MustCompile(`(?i)<script|<style|\sstyle=|\son\w+=|javascript:`)
)

func TestEveryPageIsSafeAndWellFormed(t *testing.T) {
	for name, w := range pages(t, newSite(t, web.Options{})) {
		t.Run(name, func(t *testing.T) {
			body := script.ReplaceAllString(w.Body.String(), "")
			if m := inline.FindString(body); m != "" {
				t.Errorf("the policy forbids %q, or text from outside got in", m)
			}
			if m := foreign.FindString(body); m != "" {
				t.Errorf("goes elsewhere: %s", m)
			}
			if strings.Contains(body, "ZgotmplZ") || strings.Contains(body, "<no value>") {
				t.Error("a hole in the template")
			}
			checkNesting(t, body)
			for header, want := range map[string]string{
				"Content-Type":           "text/html; charset=utf-8",
				"X-Content-Type-Options": "nosniff",
				"Referrer-Policy":        "no-referrer",
				"Cache-Control":          "no-store",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %q", header, got)
				}
			}
			csp := w.Header().Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
				if !strings.Contains(csp, want) || strings.Contains(csp, "unsafe") {
					t.Errorf("policy %q lacks %s", csp, want)
				}
			}
		})
	}
}

// checkNesting reads the page as XML with HTML's exceptions: every element that
// is opened must be closed, in order.
func checkNesting(t *testing.T, body string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "<!DOCTYPE html>")))
	d.Strict = false
	d.AutoClose = xml.HTMLAutoClose
	d.Entity = xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("</%s> within %v", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) != 0 {
		t.Fatalf("not closed: %v", open)
	}
}

func TestStatuses(t *testing.T) {
	all := pages(t, newSite(t, web.Options{}))
	for name, want := range map[string]int{
		"home": 200, "automation": 200, "torrent": 200, "torrent, plain": 200, "not found": 404, "upload": 200, "upload, known": 200, "upload, refused": 400,
		"lookup": 200, "lookup, missing": 404, "lookup, removed": 410, "lookup, no hash": 400,
	} {
		if got := all[name].Code; got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestAnswersSayWhatHappened(t *testing.T) {
	all := pages(t, newSite(t, web.Options{}))
	download := `href="/torrent/` + hash + `.torrent"`
	magnet := `href="magnet:?xt=urn:btih:` + strings.ToLower(hash) + `"`
	for name, wants := range map[string][]string{
		"upload":          {download, magnet, "http://cache.example/torrent/" + hash + ".torrent", "<h1>The torrent is cached</h1>"},
		"upload, known":   {download, "was here already"},
		"upload, refused": {"Broken torrent file, please recreate it", "&lt;script&gt;"},
		"lookup":          {download, magnet, "&lt;script&gt;", "1 file<"},
		"lookup, unnamed": {"<bdi>" + hash + "</bdi>", "2 files<"},
		"lookup, missing": {magnet, "not cached"},
		"lookup, removed": {"<h1>This torrent was removed</h1>", `role="alert">&lt;script&gt;`},
		"home":            {`enctype="multipart/form-data"`, `name="torrent"`, `action="/upload.php"`, "http://cache.example/torrent/", "10 MB"},
	} {
		for _, want := range wants {
			if !strings.Contains(all[name].Body.String(), want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
	}
}

// Links that people pass on name the address of a public server, and no other.
func TestMagnetLinksNameTheDownload(t *testing.T) {
	const address = "https://cache.example:8443"
	private := func() bool { return true }
	source := "&amp;xs=https%3A%2F%2Fcache.example%3A8443%2Ftorrent%2F" + hash + ".torrent"
	for _, c := range []struct {
		options web.Options
		want    bool
	}{
		{web.Options{PublicURL: address}, true},
		{web.Options{PublicURL: address + "/"}, true},
		{web.Options{PublicURL: address, Private: private}, false},
		{web.Options{}, false},
	} {
		all := pages(t, newSite(t, c.options))
		for _, name := range []string{"upload", "lookup", "lookup, missing"} {
			body := all[name].Body.String()
			if got := strings.Count(body, source); (got == 2) != c.want || strings.Contains(body, "xs=") != c.want {
				t.Errorf("%s of %+v: %d times %s in %s", name, c.options, got, source, body)
			}
		}
	}
}

func TestTheGuideNamesThisServer(t *testing.T) {
	for _, c := range []struct {
		name    string
		options web.Options
		host    string
		tls     bool
		wants   []string
	}{
		{"as asked", web.Options{}, "cache.example", false, []string{"http://cache.example/api/torrage.wsdl", "(&#39;cache.example&#39;, 80)"}},
		{"with a port", web.Options{}, "cache.example:8080", false, []string{"http://cache.example:8080/v1/torrents", "(&#39;cache.example&#39;, 8080)"}},
		{"by TLS", web.Options{}, "cache.example", true, []string{"https://cache.example/autoupload.php", "(&#39;tls://cache.example&#39;, 443)"}},
		{"IPv6", web.Options{GRPC: &web.GRPC{Address: ":9091"}}, "[::1]:8080", false, []string{"http://[::1]:8080/v1/torrents", "[::1]:9091", "(&#39;[::1]&#39;, 8080)"}},
		{"public URL", web.Options{PublicURL: "https://public.example", GRPC: &web.GRPC{Address: ":9090"}}, "inside:8080", false, []string{"https://public.example/api/torrage.wsdl", "public.example:9090"}},
		{"gRPC address", web.Options{GRPC: &web.GRPC{Address: "grpc.example:443"}}, "cache.example", false, []string{"grpcurl -plaintext -d @ grpc.example:443 ", "NewClient(&#34;grpc.example:443", "insecure.NewCredentials()", "createInsecure()", "insecure_channel(&#34;grpc.example:443", "16 &lt;&lt; 20"}},
		{"gRPC over TLS", web.Options{GRPC: &web.GRPC{Address: "grpc.example:443", TLS: true}, MaxTorrentSize: 40 << 20}, "cache.example", false, []string{"grpcurl -d @ grpc.example:443 ", "credentials.NewTLS(nil)", "createSsl()", "secure_channel(&#34;grpc.example:443", "with TLS", "41 &lt;&lt; 20"}},
		{"gRPC on loopback", web.Options{GRPC: &web.GRPC{Address: "127.0.0.1:9090"}}, "localhost:8080", false, []string{"-d @ 127.0.0.1:9090 "}},
		{"hostile Host", web.Options{}, "x';rm -rf ~;'", false, []string{"http://localhost:8080/v1/torrents"}},
		{"no Host", web.Options{}, "", false, []string{"http://localhost:8080/v1/torrents"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Host = c.host
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			w := httptest.NewRecorder()
			guide(newSite(t, c.options))(w, r)
			for _, want := range c.wants {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("the guide lacks %s", want)
				}
			}
			if strings.Contains(w.Body.String(), "rm -rf") {
				t.Error("the Host header got into the examples")
			}
		})
	}
}

func TestTheGuideIsSilentOfGRPCThatNobodyReaches(t *testing.T) {
	for name, options := range map[string]web.Options{"none": {}, "loopback": {GRPC: &web.GRPC{Address: "127.0.0.1:9090"}}} {
		if body := render("cache.example", guide(newSite(t, options))).Body.String(); strings.Contains(body, `id="grpc"`) || strings.Contains(body, "9090") {
			t.Errorf("%s: the guide tells of gRPC", name)
		}
	}
}

func TestTheGuideNamesWhatAProxyWasAskedFor(t *testing.T) {
	guide := origin.Proxies{netip.MustParsePrefix("10.0.0.1/32")}.Handler(guide(newSite(t, web.Options{})))
	for _, c := range []struct{ peer, host, want string }{
		{"10.0.0.1:5000", "cache.example", "https://cache.example/autoupload.php"},
		{"10.0.0.1:5000", "x';rm -rf ~;'", "https://inside:8080/autoupload.php"},
		{"10.0.0.2:5000", "cache.example", "http://inside:8080/autoupload.php"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = c.peer, "inside:8080"
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("X-Forwarded-Host", c.host)
		w := httptest.NewRecorder()
		guide.ServeHTTP(w, r)
		if body := w.Body.String(); !strings.Contains(body, c.want) || strings.Contains(body, "rm -rf") {
			t.Errorf("%s, %s: the guide lacks %s, or has too much", c.peer, c.host, c.want)
		}
	}
}

func TestTheGuideHasEveryReasonAClientMeets(t *testing.T) {
	body := render("cache.example", guide(newSite(t, web.Options{}))).Body.String()
	for _, r := range reason.All() {
		switch r {
		case reason.MethodNotAllowed, reason.MediaUnsupported, reason.RouteNotFound, reason.Unimplemented,
			reason.Unauthenticated, reason.PermissionDenied:
			continue // mistakes of the program, plain from the status
		}
		if !strings.Contains(body, "<code>"+string(r)+"</code>") {
			t.Errorf("no %s", r)
		}
	}
}

func TestPublicURLs(t *testing.T) {
	for url, good := range map[string]bool{
		"":                           true,
		"http://cache.example":       true,
		"https://cache.example:8443": true,
		"http://[::1]:8080":          true,
		"https://cache.example/":     true,
		"https://cache.example/x":    false,
		"cache.example":              false,
		"ftp://cache.example":        false,
		"https://":                   false,
		"https://a'b":                false,
	} {
		if _, err := web.New(web.Options{PublicURL: url}); (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
	}
}
