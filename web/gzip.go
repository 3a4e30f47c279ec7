package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// leastGzip is the size from which on compressing is worth it, in bytes: one packet.
const leastGzip = 1400

// takesGzip reports whether the client of r takes gzip (RFC 9110, section 12.5.3).
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

// gzipper compresses. Its writers, of 0.8 MB each, are used again. It is safe for concurrent use.
type gzipper struct{ writers sync.Pool }

// compress returns body with gzip.
func (g *gzipper) compress(body []byte) []byte {
	var out bytes.Buffer
	w, ok := g.writers.Get().(*gzip.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w = gzip.NewWriter(&out)
	}
	_, _ = w.Write(body) // a Buffer takes everything
	_ = w.Close()
	g.writers.Put(w)
	return out.Bytes()
}
