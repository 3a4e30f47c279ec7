package soapcompat

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// field is the form field that holds the torrent.
const field = "torrent"

// sendForm says how to upload. Most errors of the form end with it.
const sendForm = "Send a multipart/form-data POST with the .torrent file in the field " + field + "."

// autoupload serves the form for scripts. Its answer is one line that ends in LF, because scripts
// take the last 40 characters after the last CR LF as the info hash.
func (h *Handler) autoupload(w http.ResponseWriter, r *http.Request) {
	result, failure := h.cacheForm(w, r)
	if failure != nil {
		refuseForm(w, r, failure)
		return
	}
	w.Header().Set("X-Torrage-Infohash", result.legacyHash())
	w.Header().Set("Cache-Control", "no-store")
	httpx.WriteText(w, http.StatusOK, result.legacyHash()+"\n")
}

// refuseForm answers e as the legacy form did.
func refuseForm(w http.ResponseWriter, _ *http.Request, e *reason.Error) {
	if allow := w.Header().Get("Allow"); allow != "" {
		e = reason.New(e.Reason, "Use %s.", allow)
	}
	setErrorText(w, e)
	httpx.SetRetryAfter(w.Header(), e)
	httpx.WriteTextError(w, e.Reason.Answer().Form, e.LegacyBody())
}

// upload serves the form for browsers. Its answer is a page.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request) {
	result, failure := h.cacheForm(w, r)
	if failure != nil {
		h.refusePage(w, r, failure)
		return
	}
	h.site.UploadAnswer(w, r, web.UploadResult{IDs: result.ids, Known: result.known})
}

// refusePage answers e with the page that answers the form for browsers.
func (h *Handler) refusePage(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	outcome.Refused(w, e)
	httpx.SetRetryAfter(w.Header(), e)
	httpx.SetErrorHeaders(w.Header(), e.Reason.Answer().JSON)
	h.site.UploadAnswer(w, r, web.UploadResult{Err: e})
}

// cacheForm caches the torrent in the form of r.
func (h *Handler) cacheForm(w http.ResponseWriter, r *http.Request) (cached, *reason.Error) {
	form, failure := h.readForm(r)
	if failure != nil {
		h.noteRefusal(failure)
		httpx.Drain(w, r)
		return cached{}, failure
	}
	result, failure := h.cache(r, form.torrent)
	if failure == nil {
		outcome.About(w, result.ids.Primary())
		httpx.Reuse(form.memory) // a call that succeeded has ended on the server's side too
	}
	return result, failure
}

// upload is the content of a form.
type upload struct {
	torrent []byte
	memory  []byte // the memory that contains torrent, if it may be reused
}

// readForm returns the upload in r. The torrent in it is never empty.
func (h *Handler) readForm(r *http.Request) (upload, *reason.Error) {
	if r.Method != http.MethodPost || r.ContentLength == 0 {
		return upload{}, reason.New(reason.TorrentMissing, sendForm)
	}
	read := h.formReader(mediaType(r))
	if read == nil {
		return upload{}, reason.New(reason.TorrentMissing, "The Content-Type is that of no form. %s", sendForm)
	}
	body, failure := h.openBody(r, h.maxTorrentSize+envelopeSize)
	if failure != nil {
		return upload{}, failure
	}
	form, failure := read(r, body)
	switch {
	case failure != nil:
		return upload{}, failure
	case form.torrent == nil:
		return upload{}, reason.New(reason.TorrentMissing, sendForm)
	case len(form.torrent) == 0:
		return upload{}, reason.New(reason.TorrentEmpty, "The field "+field+" holds no bytes; send the file itself.")
	case int64(len(form.torrent)) > h.maxTorrentSize:
		return upload{}, h.sizeError()
	}
	return form, nil
}

// formReader returns the function that reads a body of mediaType; nil if there is none.
func (h *Handler) formReader(mediaType string) func(*http.Request, plainBody) (upload, *reason.Error) {
	switch {
	case strings.HasPrefix(mediaType, "multipart/"):
		return h.readMultipart
	case mediaType == "application/x-www-form-urlencoded":
		return readURLEncoded
	case mediaType == "application/x-bittorrent":
		return readRaw
	}
	return nil
}

// readURLEncoded reads the kind of form that a script sends unless it asks for another. The file in
// it is percent-encoded; the body as a whole is limited.
func readURLEncoded(_ *http.Request, body plainBody) (upload, *reason.Error) {
	form, err := httpx.ReadAll(body, body.most)
	if err != nil {
		return upload{}, reason.Of(err)
	}
	for pair := range bytes.SplitSeq(form, []byte("&")) {
		value, ok := bytes.CutPrefix(pair, []byte(field+"="))
		if !ok {
			continue
		}
		torrent, ok := unescape(value)
		if !ok {
			return upload{}, reason.New(reason.TorrentInvalid, "The field "+field+" is not percent-encoded. %s", sendForm)
		}
		return upload{torrent, form}, nil
	}
	return upload{}, nil
}

// unescape decodes the percent-encoding of b in place, and reports whether it was valid.
func unescape(b []byte) ([]byte, bool) {
	plain := b[:0]
	for i := 0; i < len(b); i++ {
		at := i
		switch b[at] {
		case '+':
			b[at] = ' '
		case '%':
			if n, _ := hex.Decode(b[at:], b[at+1:min(at+3, len(b))]); n != 1 {
				return nil, false
			}
			i += 2
		}
		plain = append(plain, b[at])
	}
	return plain, true
}

// readRaw reads a body that is the file itself.
func readRaw(_ *http.Request, body plainBody) (upload, *reason.Error) {
	torrent, err := httpx.ReadAll(body, body.most)
	if err != nil {
		return upload{}, reason.Of(err)
	}
	return upload{torrent, torrent}, nil
}
