package soapcompat

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/outcome"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// binding is one style of SOAP: its WSDL, its paths, and the form of its answers. Requests are read
// in the same way in both styles.
type binding struct {
	wsdl   string
	paths  []string // GET returns the WSDL, POST calls: .NET posts to the WSDL's URL
	answer func(v version, result string) string
}

var bindings = []binding{
	{wsdl: legacyWSDL, paths: []string{"/api/torrage.wsdl", "/api/index.php", "/api/"}, answer: encodedAnswer},
	{wsdl: literalWSDL, paths: []string{"/api/cache.wsdl", "/api/soap"}, answer: literalAnswer},
}

// soap serves the calls of b.
func (h *Handler) soap(b binding) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, memory, err := h.readSOAP(r)
		if err != nil {
			httpx.Drain(w, r)
		}
		if f, ok := errors.AsType[*fault](err); ok {
			writeFault(w, r, c, f)
			return
		}
		var result cached
		failure, _ := errors.AsType[*reason.Error](err)
		h.noteRefusal(failure)
		if failure == nil {
			result, failure = h.cacheCall(r, c)
		}
		if failure != nil {
			writeFailure(w, r, b, c, failure)
			return
		}
		outcome.About(w, result.ids.Primary())
		httpx.Reuse(memory) // a call that succeeded has ended on the server's side too
		writeSOAP(w, c.version, http.StatusOK, b.answer(c.version, result.legacyHash()))
	}
}

// readSOAP reads the call, and returns the memory that contains it. Its errors are those of
// [plainCall].
func (h *Handler) readSOAP(r *http.Request) (call, []byte, error) {
	if strings.HasPrefix(mediaType(r), "multipart/") {
		return call{}, nil, &fault{code: clientFault, text: "Multipart (MTOM, SOAP with attachments) is not understood; send the torrent as base64 in the envelope"}
	}
	// Base64 takes 4/3 of the file's size, and 1.37 with a line break every 76 digits.
	body, failure := h.openBody(r, h.maxTorrentSize*14/10+envelopeSize)
	if failure != nil {
		return call{}, nil, failure
	}
	document, err := httpx.ReadAll(body, body.most)
	if err != nil {
		// The beginning is enough to tell whether it is a call.
		document = document[:min(len(document), envelopeSize)]
	} else if c, ok := cutCall(document); ok {
		return c, document, nil
	}
	// A read of body after an error returns the error again.
	c, err := plainCall(io.MultiReader(bytes.NewReader(document), body), document)
	return c, document, err
}

func (h *Handler) cacheCall(r *http.Request, c call) (cached, *reason.Error) {
	if c.request.Torrent == nil {
		return cached{}, reason.New(reason.TorrentMissing, "The call has no %s part.", part)
	}
	if c.invalid != nil {
		return cached{}, c.invalid
	}
	if len(c.request.Torrent) == 0 {
		return cached{}, reason.New(reason.TorrentEmpty, "Send the file's bytes, as base64.")
	}
	if int64(len(c.request.Torrent)) > h.maxTorrentSize {
		h.tooLarge()
		return cached{}, h.sizeError()
	}
	return h.cache(r, c.request.Torrent)
}

// refuse answers e to a request that was not read. A POST counts as a call.
func (b binding) refuse(w http.ResponseWriter, r *http.Request, e *reason.Error) {
	c := call{known: true}
	if r.Method != http.MethodPost {
		setErrorText(w, e)
		writeStatus(w, c.versionOr(r), e)
		return
	}
	writeFailure(w, r, b, c, e)
}

// writeFailure answers a cacheTorrent call that failed. The answer is 200 with the code, because
// SOAP::Lite turns every fault into undef. Other HTTP statuses are for callers that may not call at
// all, and for bodies that could not be read as far as the call.
func writeFailure(w http.ResponseWriter, r *http.Request, b binding, c call, e *reason.Error) {
	setErrorText(w, e)
	v := c.versionOr(r)
	switch {
	case e.Reason == reason.Unauthenticated, e.Reason == reason.PermissionDenied, e.Reason == reason.MediaUnsupported:
		writeStatus(w, v, e)
	case !c.known && e.Reason == reason.RequestInvalid:
		writeFault(w, r, c, &fault{code: clientFault, text: e.Message})
	default:
		writeSOAP(w, v, http.StatusOK, b.answer(v, strconv.Itoa(e.Reason.Answer().SOAP)))
	}
}

// writeStatus answers e as a fault with its HTTP status.
func writeStatus(w http.ResponseWriter, v version, e *reason.Error) {
	status := e.Reason.Answer().JSON
	httpx.SetErrorHeaders(w.Header(), status)
	writeSOAP(w, v, status, faultAnswer(v, &fault{code: clientFault, text: e.LegacyText()}))
}

// writeFault answers a request that is not a call. If its content type is not XML either, the
// status says so.
func writeFault(w http.ResponseWriter, r *http.Request, c call, f *fault) {
	status := http.StatusInternalServerError
	if c.version == "" && !declaresXML(r) {
		status = http.StatusUnsupportedMediaType
	}
	setErrorText(w, reason.New(reason.RequestInvalid, "%s.", f.text))
	v := c.versionOr(r)
	writeSOAP(w, v, status, faultAnswer(v, f))
}

// versionOr returns the version of the envelope. If no envelope was read, it returns the version
// that the content type names.
func (c call) versionOr(r *http.Request) version {
	if c.version == "" && mediaType(r) == "application/soap+xml" {
		return soap12
	}
	return c.version
}

func declaresXML(r *http.Request) bool {
	switch mediaType(r) {
	case "", "text/xml", "application/xml", "application/soap+xml":
		return true
	}
	return false
}
