package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/web"
)

func TestHowToAskForARemoval(t *testing.T) {
	site := newSite(t, web.Options{Contact: "abuse@cache.example", RemovedStatus: 451, DownloadMaxAge: 36 * time.Hour})
	w := render("cache.example", site.Removal)
	for _, want := range []string{`href="mailto:abuse@cache.example"`, "they answer 451", "up to 36 hours", "info hash of each torrent"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if home := render("cache.example", func(w http.ResponseWriter, r *http.Request) { site.Home(w, r, web.Uploads{}) }); !strings.Contains(home.Body.String(), `href="/removal"`) {
		t.Error("no link leads there")
	}
	if got := render("cache.example", newSite(t, web.Options{}).Removal).Code; got != http.StatusNotFound {
		t.Errorf("without a contact: %d", got)
	}
}

func TestSecurityText(t *testing.T) {
	for contact, want := range map[string]string{"abuse@cache.example": "Contact: mailto:abuse@cache.example\n", "https://cache.example/help": "Contact: https://cache.example/help\n"} {
		w := render("cache.example", newSite(t, web.Options{Contact: contact}).SecurityText)
		rest, ok := strings.CutPrefix(w.Body.String(), want+"Expires: ")
		expires, err := time.Parse(time.RFC3339, strings.TrimSpace(rest))
		if !ok || err != nil || time.Until(expires) < 24*time.Hour || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %v %s", contact, w.Header(), w.Body)
		}
	}
	if got := render("cache.example", newSite(t, web.Options{}).SecurityText).Code; got != http.StatusNotFound {
		t.Errorf("without a contact: %d", got)
	}
}

func TestPagesAreCompressed(t *testing.T) {
	plain := newSite(t, web.Options{})
	keyed := newSite(t, web.Options{Prefix: func(*http.Request) string { return "/k/KEY" }})
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		accept  string
		want    bool
	}{
		{"page", guide(plain), "gzip, deflate, br", true},
		{"page, by quality", guide(plain), "br;q=1, GZIP;q=0.5", true},
		{"script", plain.Assets()["/upload.js"], "gzip", true},
		{"a small picture", plain.Assets()["/favicon.svg"], "gzip", false},
		{"page for who refuses", guide(plain), "gzip;q=0, identity", false},
		{"page for who says nothing", guide(plain), "", false},
		{"page with a key", guide(keyed), "gzip", false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		w := httptest.NewRecorder()
		c.handler(w, r)
		want := w.Body.String()
		r.Header.Set("Accept-Encoding", c.accept)
		w = httptest.NewRecorder()
		c.handler(w, r)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: headers %v", c.name, w.Header())
			continue
		}
		got := w.Body.String()
		if c.want {
			got = inflated(t, w.Body)
		}
		if got != want {
			t.Errorf("%s: %d bytes, want %d", c.name, len(got), len(want))
		}
	}
}

func inflated(t *testing.T, r io.Reader) string {
	t.Helper()
	z, err := gzip.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
