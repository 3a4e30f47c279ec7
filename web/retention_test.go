package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/web"
)

// TestRetentionOnTheHomePage asks for the home page of servers that drop torrents, that drop none,
// and of one that does not know.
func TestRetentionOnTheHomePage(t *testing.T) {
	const half = 180 * 24 * time.Hour
	for text, r := range map[string]*web.Retention{
		"downloads or uploads for 180 days are dropped.":                       {DropUnreadAfter: half},
		"for 180 days are dropped; when the server is full, the torrents used": {DropUnreadAfter: half, Evicts: true},
		"Nothing is dropped for its age; when the server is full":              {Evicts: true},
		"Nothing is dropped for its age, nor to make room.":                    {},
		"": nil,
	} {
		site, err := web.New(web.Options{MaxTorrentSize: 10_000_000, Retention: r})
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		site.Home(answer, httptest.NewRequest("GET", "/", nil), web.Uploads{})
		page := answer.Body.String()
		if !strings.Contains(page, text) || r == nil && strings.Contains(page, "dropped") {
			t.Errorf("%+v: no %q in the page", r, text)
		}
	}
}
