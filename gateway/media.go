package gateway

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/reason"
)

const torrentType = "application/x-bittorrent"

// bodyKind is what an upload's body is.
type bodyKind int

const (
	jsonBody bodyKind = iota
	rawTorrent
)

// uploadKind decides by Content-Type: a torrent as it is, or JSON, which is
// also what no type means. Any other is MEDIA_UNSUPPORTED.
func uploadKind(h http.Header) (bodyKind, *reason.Error) {
	switch mediaType(h) {
	case torrentType, "application/octet-stream":
		return rawTorrent, nil
	}
	return jsonBody, requireJSON(h)
}

// requireJSON refuses every body but plain JSON. Compressed JSON is refused by
// name; compressed torrents are told by their first bytes, not by a header.
func requireJSON(h http.Header) *reason.Error {
	if t := mediaType(h); t != "" && t != jsonType {
		return reason.New(reason.MediaUnsupported,
			"this Content-Type is not understood here; send %s, or upload a torrent as %s", jsonType, torrentType)
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return reason.New(reason.MediaUnsupported, "JSON is not accepted with a Content-Encoding; send it as it is")
	}
	return nil
}

// mediaType returns the Content-Type without parameters, in lower case; "" if
// there is none, and the text itself if it is malformed, which matches nothing.
func mediaType(h http.Header) string {
	text := h.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(text); err == nil {
		return t
	}
	return text
}

// jsonRanges is how precisely a range of Accept names JSON.
var jsonRanges = map[string]int{"*/*": 1, "application/*": 2, jsonType: 3}

// prefersRaw reports whether Accept asks for the torrent as it is: it must be
// named, and be liked no less than JSON. Everything else gets JSON.
func prefersRaw(accept []string) bool {
	var raw, json float64 // qualities, RFC 9110, section 12.5.1
	precision := 0        // of the range that json is from
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, q := parseAccept(part)
		if name == torrentType {
			raw = q
		}
		if p := jsonRanges[name]; p > precision {
			json, precision = q, p
		}
	}
	return raw > 0 && raw >= json
}

// parseAccept reads one element of Accept. A malformed one gives quality 0.
func parseAccept(part string) (name string, quality float64) {
	name, params, err := mime.ParseMediaType(part)
	if err != nil {
		return "", 0
	}
	q, given := params["q"]
	if !given {
		return name, 1
	}
	quality, err = strconv.ParseFloat(q, 64)
	if err != nil {
		return name, 0
	}
	return name, quality
}
