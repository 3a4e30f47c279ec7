package soapcompat

import (
	"bytes"
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
// half-way is never taken for a whole one.
//
// A form as programs write it is cut up where it lies; any other goes through
// mime/multipart.
func (h *Handler) readMultipart(r *http.Request, body plainBody) (upload, *reason.Error) {
	boundary, _ := headerParam(r.Header.Get("Content-Type"), "boundary")
	if boundary == "" {
		return upload{}, reason.New(reason.RequestInvalid, "The Content-Type names no boundary. %s", sendForm)
	}
	delimiter := []byte("--" + boundary)
	// An error comes again when more is read.
	form, _ := httpx.ReadUntil(body, body.most, func(b []byte) bool { return endsForm(b, delimiter) })
	if torrent, ok := cutForm(form, delimiter); ok && int64(len(torrent)) <= h.maxTorrentSize {
		return upload{torrent, form}, nil
	}
	torrent, failure := h.scanForm(multipart.NewReader(io.MultiReader(bytes.NewReader(form), body), boundary), min(body.most, h.maxTorrentSize))
	return upload{torrent: torrent}, failure
}

// scanForm is readMultipart for any form that mime/multipart understands.
func (h *Handler) scanForm(form *multipart.Reader, most int64) ([]byte, *reason.Error) {
	var torrent []byte
	for range maxParts {
		p, err := form.NextRawPart()
		if err == io.EOF { // not wrapped: the closing boundary
			return torrent, nil
		}
		if err != nil {
			return nil, reason.Of(asReason(err))
		}
		disposition := p.Header.Get("Content-Disposition")
		if !holdsTorrent(disposition) {
			continue
		}
		content, err := httpx.ReadAll(h.bound(p, h.maxTorrentSize), most)
		if err != nil {
			return nil, reason.Of(err)
		}
		if len(content) > 0 || !isUnchosen(disposition) {
			torrent = content
		}
	}
	return nil, reason.New(reason.RequestInvalid, "The form has more than %d fields.", maxParts)
}

// holdsTorrent reports whether a part with this Content-Disposition is the field
// torrent.
func holdsTorrent(disposition string) bool {
	name, _ := headerParam(disposition, "name")
	return name == field
}

// isUnchosen reports whether a part is what browsers send for a file field in
// which no file was chosen (HTML standard, constructing the entry list).
func isUnchosen(disposition string) bool {
	filename, isFile := headerParam(disposition, "filename")
	return isFile && filename == ""
}
