package soapcompat

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/web"
)

// field is the form field that holds the torrent.
const field = "torrent"

// sendForm says how to upload; it follows most errors of the form.
const sendForm = "Send a multipart/form-data POST with the .torrent file in the field " + field + "."

// autoupload serves the form for scripts. Its answer is one line with an LF, for
// scripts take the last 40 characters after the last CR LF for the info hash,
// and its length is told, for they do not know chunks.
func (h *Handler) autoupload(w http.ResponseWriter, r *http.Request) {
	result, failure := h.cacheForm(w, r)
	if failure != nil {
		refuseForm(w, r, failure)
		return
	}
	body := result.legacyHash() + "\n"
	header := w.Header()
	header.Set("X-Torrage-Infohash", result.legacyHash())
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, body) // a client that left needs no answer
}

// refuseForm answers e as the legacy form does.
func refuseForm(w http.ResponseWriter, _ *http.Request, e *reason.Error) {
	if allow := w.Header().Get("Allow"); allow != "" {
		e = reason.New(e.Reason, "Use %s.", allow)
	}
	setErrorText(w, e)
	httpx.SetRetryAfter(w.Header(), e)
	httpx.WriteTextError(w, e.Reason.Answer().Form, e.LegacyBody())
}

// upload serves the form for browsers; its answer is a page.
func (h *Handler) upload(w http.ResponseWriter, r *http.Request) {
	result, failure := h.cacheForm(w, r)
	if failure != nil {
		h.refusePage(w, r, failure)
		return
	}
	h.site.UploadAnswer(w, r, web.UploadResult{IDs: result.ids, Known: result.known})
}

// refusePage answers e as the page behind the form for browsers.
func (h *Handler) refusePage(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	outcome.Refused(w, e)
	httpx.SetRetryAfter(w.Header(), e)
	httpx.SetErrorHeaders(w.Header(), e.Reason.Answer().JSON)
	h.site.UploadAnswer(w, r, web.UploadResult{Err: e})
}

// cacheForm caches the torrent in the form that r carries.
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
		httpx.Reuse(form.memory) // a call that succeeded is over, on the other side as well
	}
	return result, failure
}

// upload is what a form carries.
type upload struct {
	torrent []byte
	memory  []byte // what torrent lies in, if it may be used again
}

// readForm returns what r carries: never an empty torrent.
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

// formReader returns what reads bodies of a media type; nil if nothing does.
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

// readURLEncoded reads the form that a script gets when it asks for no other
// kind. A file may be in it, percent-encoded, up to the limit of the body.
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

// unescape undoes the percent-encoding of b in its own memory, and reports whether it was one.
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
