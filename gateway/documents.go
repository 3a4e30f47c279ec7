package gateway

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"github.com/torrentcache/torrentcache/gen/openapi"
	"github.com/torrentcache/torrentcache/proto"
)

// document is a text of the API that is the same for everybody.
type document struct {
	contentType string
	etag        string
	body        []byte
}

func openAPI() *document { return newDocument("application/json", openapi.JSON) }

func contract() *document { return newDocument("text/plain; charset=utf-8", proto.CacheService) }

func newDocument(contentType string, body []byte) *document {
	sum := sha256.Sum256(body)
	return &document{contentType, fmt.Sprintf(`"%x"`, sum[:16]), body}
}

func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", d.contentType)
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", "no-cache") // ask each time: a new version of the server may know more
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body))
}
