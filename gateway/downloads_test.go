package gateway_test

import (
	"mime"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// base32Hash is knownHash in base32.
const base32Hash = "AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH"

func TestEveryAddressReachesTheFile(t *testing.T) {
	d := newDoor(t)
	lower := strings.ToLower
	for _, path := range []string{
		"/torrent/" + knownHash,
		"/torrent/" + lower(knownHash),
		"/torrent/" + knownHash + ".torrent",
		"/torrent/" + lower(knownHash) + ".torrent",
		"/torrent/" + knownHash + ".TORRENT",
		"/torrent/" + knownHash + ".torrent.torrent",
		"/torrent/" + knownHash + "/any.torrent",
		"/torrent/" + knownHash + "/100%25%20%C3%A9.torrent",
		"/torrent/" + knownHash + "/a/b.torrent",
		"/torrent/" + knownHash + ".torrent?title=anything",
		"/torrent/" + knownHash + ".torrent?title=100%",
		"/torrent/" + knownHash + ".torrent?title=a;b",
		"/torrent/" + knownHash + ".torrent?title=%zz&&=&x",
		"/torrent/" + knownHash + "?",
		"/torrent/" + knownHashV2,
		"/torrent/" + lower(knownHashV2) + ".torrent",
		"/torrent/1220" + knownHashV2 + ".torrent",
		"/torrent/" + base32Hash + ".torrent",
		"/torrent/" + lower(base32Hash),
		"//torrent//" + knownHash + ".torrent",
		"/torrent/" + knownHash + "0.torrent", // 41 digits
		"/torrent/" + knownHash + strings.Repeat("A", 23),
		"/torrent/" + knownHash + strings.Repeat("A", 25),
		"/torrent/" + knownHash + ".torrent/",
		"/torrent/" + knownHash + "/",
		"/torrent/" + knownHash + ".torrent%20",
		"/torrent/" + knownHash + ".torrent)",
		"/torrent/" + knownHash + ".torrent&title=x",
		"/torrent/" + knownHash + ".torrent%3Ftitle=abc",
		"/torrent/" + knownHash + "[site]name.torrent",
		"/torrent/" + knownHash + ";jsessionid=1",
		"/torrent/" + knownHash + "/cover.jpg",
		"/torrent/" + knownHashV2 + "[site]name.torrent",
		"/" + knownHash + ".torrent",
		"/" + lower(knownHashV2) + ".torrent",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(method+" "+path, func(t *testing.T) {
				got := d.do(method, path, "")
				if got.StatusCode != http.StatusOK || got.ContentLength != int64(len(knownTorrent)) {
					t.Fatalf("status %d, length %d, body %q", got.StatusCode, got.ContentLength, got.body)
				}
				if method == http.MethodGet && got.body != string(knownTorrent) {
					t.Errorf("body %q", got.body)
				}
			})
		}
	}
}

// The text after the hash names the download if it looks like a name. Caches keep a download for
// long only at the address that the service writes.
func TestNameAndAgeByTheAddress(t *testing.T) {
	d := newDoor(t)
	const short, long = "public, max-age=300", "public, max-age=86400"
	for _, c := range []struct{ path, name, cache string }{
		{"/torrent/" + knownHash, knownHash, long},
		{"/torrent/" + knownHash + ".torrent", knownHash, long},
		{"/torrent/" + strings.ToLower(knownHash) + ".torrent", knownHash, long},
		{"/torrent/" + knownHash + ".torrent?", knownHash, short},
		{"/torrent/" + knownHash + ".torrent.torrent", knownHash, short},
		{"/torrent/" + knownHash + ".torrent?title=x", "x", short},
		{"/torrent/" + knownHash + ".torrent&title=x", "x", short},
		{"/torrent/" + knownHash + ".torrent%3Ftitle=a+b", "a b", short},
		{"/torrent/" + knownHash + "[site]name.torrent", "[site]name", short},
		{"/torrent/" + knownHash + "_-_name.torrent", "name", short},
		{"/torrent/" + knownHash + "/A name", "A name", short},
		{"/torrent/" + knownHash + "/", knownHash, short},
		{"/torrent/" + knownHash + ".torrent)", knownHash, short},
		{"/torrent/" + knownHash + ";jsessionid=1", knownHash, short},
		{"/torrent/" + knownHash + "ABC.torrent", knownHash, short},
		{"//torrent/" + knownHash + ".torrent", knownHash, short},
		{"/" + knownHash + ".torrent", knownHash, short},
	} {
		got := d.do("GET", c.path, "")
		if want := `attachment; filename="` + c.name + `.torrent"`; got.Header.Get("Content-Disposition") != want {
			t.Errorf("%s: %s, want %s", c.path, got.Header.Get("Content-Disposition"), want)
		}
		if got.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: %s, want %s", c.path, got.Header.Get("Cache-Control"), c.cache)
		}
	}
}

func TestDownloadHeaders(t *testing.T) {
	d := newDoor(t)
	// Neither the browser nor the encodings that it accepts change the answer.
	got := d.do("GET", "/torrent/"+knownHash+".torrent?title=A+name", "",
		"Accept-Encoding: gzip, br", "Accept: text/html", "User-Agent: Mozilla/5.0", "Cookie: a=b", "Referer: http://elsewhere.example/")
	for name, want := range map[string]string{
		"Content-Type":           "application/x-bittorrent",
		"Etag":                   `"` + etagOf(knownTorrent) + `"`,
		"Last-Modified":          "Sun, 01 Mar 2026 12:00:00 GMT",
		"Cache-Control":          "public, max-age=300", // the address is not the usual one
		"X-Content-Type-Options": "nosniff",
		"Content-Disposition":    `attachment; filename="A name.torrent"`,
		"Accept-Ranges":          "bytes",
		"Content-Encoding":       "",
		"Vary":                   "",
		"Set-Cookie":             "",
	} {
		if got := got.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestConditionsAndRanges(t *testing.T) {
	d := newDoor(t)
	etag := `"` + etagOf(knownTorrent) + `"`
	file := string(knownTorrent)
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		body    string
	}{
		{"same ETag", []string{"If-None-Match: " + etag}, 304, ""},
		{"weak form of the ETag", []string{"If-None-Match: W/" + etag}, 304, ""},
		{"one of several ETags", []string{`If-None-Match: "x", ` + etag}, 304, ""},
		{"any ETag", []string{"If-None-Match: *"}, 304, ""},
		{"other ETag", []string{`If-None-Match: "x"`}, 200, file},
		{"not modified since then", []string{"If-Modified-Since: Sun, 01 Mar 2026 12:00:00 GMT"}, 304, ""},
		{"modified since then", []string{"If-Modified-Since: Sun, 01 Mar 2026 11:59:59 GMT"}, 200, file},
		{"the ETag outranks the date", []string{`If-None-Match: "x"`, "If-Modified-Since: Sun, 01 Mar 2026 12:00:00 GMT"}, 200, file},
		{"broken date", []string{"If-Modified-Since: yesterday"}, 200, file},
		{"other If-Match", []string{`If-Match: "x"`}, 412, ""},
		{"first bytes", []string{"Range: bytes=0-4"}, 206, file[:5]},
		{"last bytes", []string{"Range: bytes=-3"}, 206, file[len(file)-3:]},
		{"from there on", []string{"Range: bytes=10-"}, 206, file[10:]},
		{"past the end", []string{"Range: bytes=100000-"}, 416, "invalid range: failed to overlap\n"},
		{"no range at all", []string{"Range: bytes=x"}, 416, "invalid range\n"},
		{"bytes in capitals", []string{"Range: Bytes=0-4"}, 206, file[:5]},
		{"unknown unit", []string{"Range: items=0-4"}, 200, file},
		{"no unit", []string{"Range: 0-4"}, 200, file},
		{"range of these bytes", []string{"Range: bytes=0-4", "If-Range: " + etag}, 206, file[:5]},
		{"range of other bytes", []string{"Range: bytes=0-4", `If-Range: "x"`}, 200, file},
		{"range by date", []string{"Range: bytes=0-4", "If-Range: Sun, 01 Mar 2026 12:00:00 GMT"}, 206, file[:5]},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.do("GET", "/torrent/"+knownHash+".torrent", "", c.headers...)
			if got.StatusCode != c.status || got.body != c.body {
				t.Errorf("%d %q, want %d %q", got.StatusCode, got.body, c.status, c.body)
			}
			if c.status == 206 && !strings.HasPrefix(got.Header.Get("Content-Range"), "bytes ") {
				t.Errorf("Content-Range %q", got.Header.Get("Content-Range"))
			}
			if c.status == 304 && got.Header.Get("ETag") != etag {
				t.Errorf("304 with ETag %q", got.Header.Get("ETag"))
			}
		})
	}
}

func TestAMissingTorrentIsAPlain404(t *testing.T) {
	d := newDoor(t)
	magnet := "magnet:?xt=urn:btih:" + strings.ToLower(unknownHash)
	for _, c := range []struct{ name, path, text string }{
		{"unknown", "/torrent/" + unknownHash + ".torrent", magnet},
		{"unknown v2", "/torrent/" + strings.Repeat("A", 64), "magnet:?xt=urn:btmh:1220aaaa"},
		{"unknown, other form", "/torrent/" + unknownHash + "/x.torrent?title=y", magnet},
		{"too short", "/torrent/ABC.torrent", "40 or 64 hex digits"},
		{"no hex digits", "/torrent/" + strings.Repeat("G", 40) + ".torrent", "40 or 64 hex digits"},
		{"no hash", "/torrent/", "40 or 64 hex digits"},
		{"no slash", "/torrent", "40 or 64 hex digits"},
		{"39 digits", "/torrent/" + knownHash[:39] + ".torrent", "40 or 64 hex digits"},
		{"base32 and more", "/torrent/" + base32Hash + "x.torrent", "40 or 64 hex digits"},
		{"dots", "/torrent/../" + knownHash, "40 or 64 hex digits"},
		{"markup", "/torrent/%3Cscript%3E.torrent", "40 or 64 hex digits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.do("GET", c.path, "", "Accept: text/html")
			if got.StatusCode != 404 || !strings.Contains(got.body, c.text) || len(got.body) > 400 {
				t.Errorf("%d %q", got.StatusCode, got.body)
			}
			if ct := got.Header.Get("Content-Type"); ct != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type %q", ct)
			}
			if cc := got.Header.Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control %q", cc)
			}
			if strings.Contains(got.body, "<script>") || got.Header.Get("Content-Disposition") != "" {
				t.Errorf("echoes its input: %q", got.body)
			}
		})
	}
}

func TestMagnetLinksOfMissingTorrentsNameTheDownload(t *testing.T) {
	const source = "&xs=https%3A%2F%2Fcache.example%2Ftorrent%2F" + unknownHash + ".torrent\n"
	for private, want := range map[bool]bool{false: true, true: false} {
		d := newDoorOf(t, gateway.Options{Options: web.Options{PublicURL: "https://cache.example", Private: func() bool { return private }}})
		got := d.do("GET", "/torrent/"+unknownHash, "")
		if strings.HasSuffix(got.body, source) != want || strings.Contains(got.body, "xs=") != want {
			t.Errorf("private %t: %q", private, got.body)
		}
	}
}

// A cache may keep the answer that there is no torrent if the operator allows it. It may keep no
// other error.
func TestMissingTorrentsMayBeKept(t *testing.T) {
	for name, c := range map[string]struct {
		options gateway.Options
		want    string
	}{
		"kept":          {gateway.Options{MissingMaxAge: time.Minute}, "public, max-age=60"},
		"half a second": {gateway.Options{MissingMaxAge: time.Second / 2}, "no-store"},
		"private":       {gateway.Options{MissingMaxAge: time.Minute, Options: web.Options{Private: func() bool { return true }}}, "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoorOf(t, c.options)
			for _, path := range []string{"/torrent/" + unknownHash + ".torrent", "/torrent/" + unknownHash + "/x", "/" + unknownHash + ".torrent"} {
				got := d.do("GET", path, "")
				if got.StatusCode != 404 || got.Header.Get("Cache-Control") != c.want {
					t.Errorf("%s: %d, %s, want %s", path, got.StatusCode, got.Header.Get("Cache-Control"), c.want)
				}
			}
			for _, path := range []string{"/torrent/nonsense", "/v1/torrents/" + unknownHash} {
				if got := d.do("GET", path, ""); got.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d, %s", path, got.StatusCode, got.Header.Get("Cache-Control"))
				}
			}
			for _, r := range reason.All() {
				d.cache.failWith(reason.New(r, "because").OnRead())
				got := d.do("GET", "/torrent/"+knownHash+".torrent", "")
				if kept := got.Header.Get("Cache-Control") != "no-store"; kept != (r == reason.TorrentNotFound && c.want != "no-store") {
					t.Errorf("%s: %s", r, got.Header.Get("Cache-Control"))
				}
			}
		})
	}
}

func TestEveryReasonOnDownloads(t *testing.T) {
	d := newDoor(t)
	for _, r := range reason.All() {
		t.Run(string(r), func(t *testing.T) {
			d.cache.failWith(reason.New(r, "because").OnRead())
			got := d.do("GET", "/torrent/"+knownHash+".torrent", "")
			if want := r.Answer().Download; got.StatusCode != want {
				t.Errorf("status %d, want %d", got.StatusCode, want)
			}
			if ct := got.Header.Get("Content-Type"); ct != "text/plain; charset=utf-8" || got.body == "" {
				t.Errorf("%s %q", ct, got.body)
			}
			retry := r.Answer().Retry > 0
			if (got.Header.Get("Retry-After") != "") != retry {
				t.Errorf("status %d with Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
			}
			if got.Header.Get("ETag") != "" || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("an error may be cached: %v", got.Header)
			}
		})
	}
}

func TestDownloadsAreOnlyRead(t *testing.T) {
	d := newDoor(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		got := d.do(method, "/torrent/"+knownHash+".torrent", "")
		if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, got.StatusCode, got.Header.Get("Allow"))
		}
	}
}

func TestNoTitleReachesTheHeadersUnescaped(t *testing.T) {
	d := newDoor(t)
	for _, c := range []struct{ name, query, file string }{
		{"line break", "title=a%0D%0ASet-Cookie:%20x=y", "a Set-Cookie_ x=y.torrent"},
		{"quotes", "title=a%22;%20filename=%22evil.exe", "a_; filename=_evil.exe.torrent"},
		{"path", "title=../../etc/passwd", "_.._etc_passwd.torrent"},
		{"windows path", `title=C:\x\y`, "C__x_y.torrent"},
		{"suffix kept once", "title=name.torrent", "name.torrent"},
		{"accents", "title=%C3%89t%C3%A9", "Été.torrent"},
		{"latin-1", "title=%C9t%E9", "Été.torrent"},
		{"cyrillic, as bytes", "title=Фильм", "Фильм.torrent"},
		{"right to left mark", "title=a%E2%80%AEb", "ab.torrent"},
		{"percent", "title=100%25", "100%.torrent"},
		{"bare percent", "title=100%", "100%.torrent"},
		{"semicolon", "title=a;b", "a;b.torrent"},
		{"second parameter", "x=1&TITLE=a&title=b", "a.torrent"},
		{"nothing left", "title=%00%01/..", "_.torrent"},
		{"only dots", "title=...", knownHash + ".torrent"},
		{"empty", "title=", knownHash + ".torrent"},
		{"none", "", knownHash + ".torrent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := d.do("GET", "/torrent/"+knownHash+".torrent?"+c.query, "")
			if got.StatusCode != 200 || got.body != string(knownTorrent) {
				t.Fatalf("the title cost the download: %d %q", got.StatusCode, got.body)
			}
			header := got.Header.Get("Content-Disposition")
			kind, params, err := mime.ParseMediaType(header)
			if err != nil || kind != "attachment" || params["filename"] != c.file {
				t.Errorf("%s: %q (%v), want %q", header, params["filename"], err, c.file)
			}
			if got.Header.Get("Set-Cookie") != "" {
				t.Error("the title set a cookie")
			}
		})
	}
}
