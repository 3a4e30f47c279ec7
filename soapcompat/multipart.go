package soapcompat

import (
	"io"
	"mime/multipart"
	"net/http"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// maxParts is how many fields a form may have: scripts send a handful.
const maxParts = 1000

// readMultipart returns what the field torrent of a multipart form holds, a file
// or text, nil if there is none. Of several fields of that name it takes the
// last, as PHP does. It reads the form to its end, so that one that stops
// half-way is never taken for a whole one, and keeps nothing of other fields.
func (h *Handler) readMultipart(r *http.Request, body io.Reader) ([]byte, *reason.Error) {
	boundary, _ := headerParam(r.Header.Get("Content-Type"), "boundary")
	if boundary == "" {
		return nil, reason.New(reason.RequestInvalid, "The Content-Type names no boundary. %s", sendForm)
	}
	form := multipart.NewReader(body, boundary)
	var torrent []byte
	for range maxParts {
		p, err := form.NextRawPart()
		if err == io.EOF { // not wrapped: the closing boundary
			return torrent, nil
		}
		if err != nil {
			return nil, reason.Of(asReason(err))
		}
		if !holdsTorrent(p) {
			continue
		}
		content, err := httpx.ReadAll(h.bound(p, h.maxTorrentSize), r.ContentLength)
		if err != nil {
			return nil, reason.Of(err)
		}
		if len(content) > 0 || !isUnchosen(p) {
			torrent = content
		}
	}
	return nil, reason.New(reason.RequestInvalid, "The form has more than %d fields.", maxParts)
}

func holdsTorrent(p *multipart.Part) bool {
	name, _ := headerParam(p.Header.Get("Content-Disposition"), "name")
	return name == field
}

// isUnchosen reports whether p is what browsers send for a file field in which
// no file was chosen (HTML standard, constructing the entry list).
func isUnchosen(p *multipart.Part) bool {
	filename, isFile := headerParam(p.Header.Get("Content-Disposition"), "filename")
	return isFile && filename == ""
}
