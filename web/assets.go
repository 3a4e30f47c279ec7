package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// asset is a file that is the same for all clients.
type asset struct {
	contentType, cacheControl, etag string

	body       []byte
	compressed []byte // gzip; nil if compression is not worth it
}

func (s *Site) loadAssets() (map[string]asset, error) {
	assets := map[string]asset{}
	for _, a := range []struct{ path, file, contentType string }{
		{"/style.css", "style.css", "text/css; charset=utf-8"},
		{"/upload.js", "upload.js", "text/javascript; charset=utf-8"},
		{"/find.js", "find.js", "text/javascript; charset=utf-8"},
		{"/copy.js", "copy.js", "text/javascript; charset=utf-8"},
		{"/favicon.svg", "favicon.svg", "image/svg+xml"},
		{"/favicon.ico", "favicon.svg", "image/svg+xml"}, // requested by browsers that read no HTML
		{"/robots.txt", "robots.txt", "text/plain; charset=utf-8"},
	} {
		body, err := assetFiles.ReadFile("assets/" + a.file)
		if err != nil {
			return nil, err
		}
		assets[a.path] = s.newAsset(a.contentType, "public, max-age=300", body) // short: a new version must look right soon
	}
	return assets, nil
}

func (s *Site) newAsset(contentType, cacheControl string, body []byte) asset {
	sum := sha256.Sum256(body)
	a := asset{contentType: contentType, cacheControl: cacheControl, etag: fmt.Sprintf("%x", sum[:16]), body: body}
	if len(body) >= leastGzip {
		a.compressed = s.gzipper.compress(body)
	}
	return a
}

// Document returns the handler of a text that is the same for all clients. Caches revalidate it
// each time, because a new version of the server may have a new text.
func (s *Site) Document(contentType string, body []byte) http.HandlerFunc {
	return s.newAsset(contentType, "no-cache", body).serve
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
	h.Set("Cache-Control", a.cacheControl)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// leastGzip is the smallest size worth compressing, in bytes: one packet.
const leastGzip = 1400

// takesGzip reports whether the client of r accepts gzip (RFC 9110, section 12.5.3).
func takesGzip(r *http.Request) bool {
	for value := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, parameter, _ := strings.Cut(value, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			name, quality, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			q, err := strconv.ParseFloat(quality, 64)
			return !strings.EqualFold(name, "q") || err == nil && q > 0
		}
	}
	return false
}

// gzipper compresses. It reuses its writers, which take 0.8 MB each. It is safe for concurrent use.
type gzipper struct{ writers sync.Pool }

// compress returns body compressed with gzip.
func (g *gzipper) compress(body []byte) []byte {
	var out bytes.Buffer
	w, ok := g.writers.Get().(*gzip.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w = gzip.NewWriter(&out)
	}
	_, _ = w.Write(body) // writing to a Buffer never fails
	_ = w.Close()
	g.writers.Put(w)
	return out.Bytes()
}
