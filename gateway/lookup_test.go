package gateway_test

import (
	"strings"
	"testing"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/web"
)

// lookups has the texts that people paste, and the hash in each.
var lookups = []struct {
	name, query, hash string
}{
	{"hash", knownHash, knownHash},
	{"lower case, blanks around", "+" + strings.ToLower(knownHash) + "%0A", knownHash},
	{"base32", base32Hash, knownHash},
	{"magnet link", "magnet:%3Fxt=urn:btih:" + knownHash + "%26dn=x", knownHash},
	{"magnet link, upper case", "MAGNET:%3Fxt=urn:btih:" + knownHash, knownHash},
	{"address of a download", "http://elsewhere.example/torrent/" + knownHash + ".torrent", knownHash},
	{"address of a page", "http://elsewhere.example/info/" + knownHash, knownHash},
	{"urn", "urn:btih:" + knownHash, knownHash},
	{"unknown", unknownHash, unknownHash},
	{"v2", knownHashV2, knownHashV2},
}

func TestLookupLeadsToThePageOfATorrent(t *testing.T) {
	d := newDoor(t)
	for _, c := range lookups {
		for prefix, key := range map[string]string{"": "", "/k/KEY": "Bearer KEY"} {
			got := d.do("GET", prefix+"/lookup?q="+c.query, "")
			if got.StatusCode != 303 || got.Header.Get("Location") != prefix+"/info/"+c.hash || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s: %d %v", prefix, c.name, got.StatusCode, got.Header)
				continue
			}
			if page := d.do("GET", got.Header.Get("Location"), ""); (page.StatusCode == 200) != (c.hash != unknownHash) {
				t.Errorf("%s: the page is %d", c.name, page.StatusCode)
			}
			if sent := d.cache.lastMetadata().Get("authorization"); strings.Join(sent, "") != key {
				t.Errorf("the service is shown %q", sent)
			}
		}
	}
}

func TestLookupOfWhatIsNoTorrent(t *testing.T) {
	d := newDoor(t)
	for query, text := range map[string]string{
		"hello": "40 or 64 hex digits", "": "40 or 64 hex digits", "magnet:%3Fdn=x": "magnet link", "%22%3E%3Cscript%3E": "&#34;&gt;&lt;script&gt;",
	} {
		got := d.do("GET", "/lookup?q="+query, "")
		if got.StatusCode != 400 || !strings.Contains(got.body, text) || strings.Contains(got.body, "<script>") {
			t.Errorf("%s: %d %s", query, got.StatusCode, got.body)
		}
		if got.Header.Get("Content-Type") != "text/html; charset=utf-8" || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", query, got.Header)
		}
	}
}

// Without pages of torrents the look-up itself shows the result.
func TestLookupWithoutPagesOfTorrents(t *testing.T) {
	d := newDoorOf(t, gateway.Options{Options: web.Options{HideTorrents: true}})
	for _, c := range lookups {
		got := d.do("GET", "/lookup?q="+c.query, "")
		want, text := 200, `href="/torrent/`+knownHash+`.torrent"`
		if c.hash == unknownHash {
			want, text = 404, `href="magnet:?xt=urn:btih:`+strings.ToLower(unknownHash)+`"`
		}
		if c.hash == knownHashV2 {
			text = knownHashV2
		}
		if got.StatusCode != want || !strings.Contains(got.body, text) || strings.Contains(got.body, `href="/info/`) {
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.body)
		}
	}
	if got := d.do("GET", "/info/"+knownHash, ""); got.StatusCode != 404 {
		t.Errorf("there is a page: %d", got.StatusCode)
	}
}
