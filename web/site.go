package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/torrentcache/torrentcache/internal/origin"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed examples/*.txt
var exampleFiles embed.FS

// Options is what the pages say of the server.
type Options struct {
	// PublicURL is the server's address, such as https://example.org. Empty: what
	// the request was sent to.
	PublicURL string
	// GRPC is the address of the gRPC API. Nil: there is none.
	GRPC *GRPC
	// MaxTorrentSize is the largest torrent accepted, in bytes.
	MaxTorrentSize int64
	// Contact says whom to ask about the server and its removals: an e-mail
	// address, a URL, or any other text. Empty: nobody is named.
	Contact string
	// RemovedStatus is the HTTP status of removed torrents. 0: 410.
	RemovedStatus int
	// DownloadMaxAge is how long caches may keep a download.
	DownloadMaxAge time.Duration
	// Retention is how long torrents are kept. Nil: nobody knows, and nothing is said.
	Retention *Retention
	// Private reports whether torrents are not for everybody, so that links for passing on do
	// not name their address here. Nil: they are for everybody.
	Private func() bool
	// Prefix returns what forms and links between pages put before their path, so that
	// a visitor with a key in the path keeps it. Addresses that people pass on do not
	// have it: those of downloads, magnet links, previews on other sites. Nil: nothing.
	Prefix func(*http.Request) string
	// HideTorrents leaves out what leads to the pages of torrents, since there are none.
	HideTorrents bool
}

// Site writes the pages. It is safe for concurrent use.
type Site struct {
	options  Options
	pages    map[string]*template.Template // by file name without .html
	examples *texttemplate.Template
	assets   map[string]asset // by path
	gzipper  gzipper
}

// New returns a Site. It fails if PublicURL is no http or https URL of a host
// alone, or if the embedded files are broken.
func New(o Options) (*Site, error) {
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	if o.RemovedStatus == 0 {
		o.RemovedStatus = http.StatusGone
	}
	if o.Prefix == nil {
		o.Prefix = func(*http.Request) string { return "" }
	}
	if o.Private == nil {
		o.Private = func() bool { return false }
	}
	if scheme, host, _ := strings.Cut(o.PublicURL, "://"); o.PublicURL != "" &&
		(scheme != "http" && scheme != "https" || !origin.IsHost(host)) {
		return nil, fmt.Errorf("web: public URL %q: want http:// or https://, a host, perhaps a port, and nothing after it", o.PublicURL)
	}
	layout, err := template.New("layout.html").Funcs(template.FuncMap{
		"bytes": formatBytes, "piece": formatPiece, "number": formatNumber, "count": count, "name": visibleName, "text": visibleText,
	}).
		ParseFS(templateFiles, "templates/layout.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	s := &Site{options: o, pages: map[string]*template.Template{}}
	for _, name := range []string{"home", "automation", "upload", "lookup", "notfound", "torrent", "deadlink", "found", "removal"} {
		page, err := template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		s.pages[name] = page
	}
	if s.examples, err = texttemplate.ParseFS(exampleFiles, "examples/*.txt"); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.assets, err = s.loadAssets(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s, nil
}

// contentSecurityPolicy lets a page use this server's style sheet, scripts and pictures
// and send to it, and nothing else.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// write renders one page. content is what the page's own template sees as .Page.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, name string, content any) {
	s.writeAs(w, r, s.server(r), status, name, content)
}

// writeAs renders one page as that server's.
func (s *Site) writeAs(w http.ResponseWriter, r *http.Request, as server, status int, name string, content any) {
	view := struct {
		Server server
		Page   any
	}{as, content}
	var body bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&body, "layout.html", view); err != nil {
		panic(fmt.Errorf("web: page %s: %w", name, err)) // a bug in the templates; the door recovers
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store") // it names the address it was asked at
	page := s.encoded(h, r, body.Bytes())
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = w.Write(page) // a reader that left needs no page
}

// encoded returns a page as it is sent, with gzip if the client takes that, and says so in h. A
// page with a key in its links is not compressed: how long it becomes beside a text that
// somebody else chose would tell of the key (the attack BREACH).
func (s *Site) encoded(h http.Header, r *http.Request, page []byte) []byte {
	h.Add("Vary", "Accept-Encoding")
	if len(page) < leastGzip || s.options.Prefix(r) != "" || !takesGzip(r) {
		return page
	}
	h.Set("Content-Encoding", "gzip")
	return s.gzipper.compress(page)
}
