package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that is the same for everybody.
type asset struct {
	contentType string
	etag        string
	body        []byte
	compressed  []byte // with gzip; nil if that is not worth it
}

func (s *Site) loadAssets() (map[string]asset, error) {
	assets := map[string]asset{}
	for _, a := range []struct{ path, file, contentType string }{
		{"/style.css", "style.css", "text/css; charset=utf-8"},
		{"/upload.js", "upload.js", "text/javascript; charset=utf-8"},
		{"/find.js", "find.js", "text/javascript; charset=utf-8"},
		{"/copy.js", "copy.js", "text/javascript; charset=utf-8"},
		{"/favicon.svg", "favicon.svg", "image/svg+xml"},
		{"/favicon.ico", "favicon.svg", "image/svg+xml"}, // asked for by browsers that read no HTML
		{"/robots.txt", "robots.txt", "text/plain; charset=utf-8"},
	} {
		body, err := assetFiles.ReadFile("assets/" + a.file)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		loaded := asset{contentType: a.contentType, etag: fmt.Sprintf("%x", sum[:16]), body: body}
		if len(body) >= leastGzip {
			loaded.compressed = s.gzipper.compress(body)
		}
		assets[a.path] = loaded
	}
	return assets, nil
}

// Assets returns the handlers of the style sheet, the scripts, the icons and robots.txt by their
// paths.
func (s *Site) Assets() map[string]http.HandlerFunc {
	handlers := map[string]http.HandlerFunc{}
	for path, a := range s.assets {
		handlers[path] = a.serve
	}
	return handlers
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Add("Vary", "Accept-Encoding")
	etag, body := a.etag, a.body
	if a.compressed != nil && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		etag, body = etag+"-gzip", a.compressed // other bytes: RFC 9110, section 8.8.3.3
	}
	h.Set("ETag", `"`+etag+`"`)
	h.Set("Cache-Control", "public, max-age=300") // short: a new version must look right soon
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
