// Package web writes the pages for people. It embeds the templates, the style sheet, and the code
// examples of the API guide.
//
// No page requires a script, though some have one, served by this server. No page loads anything
// from another site, and a strict Content-Security-Policy enforces that. All text from outside goes
// through html/template. The package renders the data of its caller and calls no API.
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

// Options describe the server to the pages.
type Options struct {
	// PublicURL is the server's URL, such as https://example.org. Empty: the URL to which the
	// request was sent.
	PublicURL string
	// GRPC is the address of the gRPC API. Nil: there is none.
	GRPC *GRPC
	// MaxTorrentSize is the largest torrent accepted, in bytes.
	MaxTorrentSize int64
	// Contact is the address for questions about the server and its removals: an e-mail address, a
	// URL, or any other text. Empty: the pages name nobody.
	Contact string
	// RemovedStatus is the HTTP status of downloads of removed torrents. 0: 410.
	RemovedStatus int
	// DownloadMaxAge is how long caches may keep a download.
	DownloadMaxAge time.Duration
	// Retention is how long the server keeps torrents. Nil: that is unknown, and the pages do not
	// mention it.
	Retention *Retention
	// Private reports whether downloads are restricted. If so, links that people pass on do not
	// name the download here. Nil: anybody may download.
	Private func() bool
	// Prefix returns the text before the path in forms and in links between pages, so that a
	// visitor with a key in the path keeps the key. Links that people pass on do not have it:
	// downloads, magnet links, previews on other sites. Nil: there is no prefix.
	Prefix func(*http.Request) string
	// HideTorrents omits links to the pages of torrents, because the server has no such pages.
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

// New returns a Site. It fails if PublicURL is not an http or https URL with a host and nothing
// after it, or if the embedded files are broken.
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

// PublicURL returns the server's URL without a slash at its end; "" if it is unknown.
func (s *Site) PublicURL() string { return s.options.PublicURL }

// contentSecurityPolicy allows a page to use style sheets, scripts and pictures of this server, and
// to send to this server. It allows nothing else.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// write renders one page. The page's own template sees content as .Page.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, name string, content any) {
	s.writeAs(w, r, s.server(r), status, name, content)
}

// writeAs renders one page with as for the server's description.
func (s *Site) writeAs(w http.ResponseWriter, r *http.Request, as server, status int, name string, content any) {
	view := struct {
		Server server
		Page   any
	}{as, content}
	var body bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&body, "layout.html", view); err != nil {
		panic(fmt.Errorf("web: page %s: %w", name, err)) // a bug in the templates; the front recovers
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store") // the page names the URL at which it was requested
	page := s.encoded(h, r, body.Bytes())
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(status)
	_, _ = w.Write(page) // a client that has left needs no page
}

// encoded returns a page as it is sent, and sets the headers of its encoding in h. It uses gzip if
// the client accepts that, but never for a page with a key in its links: if somebody else chose a
// part of the text, the compressed length would give the key away (the BREACH attack).
func (s *Site) encoded(h http.Header, r *http.Request, page []byte) []byte {
	h.Add("Vary", "Accept-Encoding")
	if len(page) < leastGzip || s.options.Prefix(r) != "" || !takesGzip(r) {
		return page
	}
	h.Set("Content-Encoding", "gzip")
	return s.gzipper.compress(page)
}
