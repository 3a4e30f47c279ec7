package gateway

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/internal/inflate"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
)

const torrentType = "application/x-bittorrent"

// bodyKind is the format of an upload's body.
type bodyKind int

const (
	jsonBody bodyKind = iota
	rawTorrent
)

// uploadKind returns the format that the Content-Type names: a raw torrent, or JSON, which is also
// the default. Any other type is MEDIA_UNSUPPORTED.
func uploadKind(h http.Header) (bodyKind, *reason.Error) {
	switch mediaType(h) {
	case torrentType, "application/octet-stream":
		return rawTorrent, nil
	}
	return jsonBody, requireJSON(h)
}

// requireJSON refuses every body but JSON, plain or compressed with gzip.
func requireJSON(h http.Header) *reason.Error {
	if t := mediaType(h); t != "" && t != jsonType {
		return reason.New(reason.MediaUnsupported,
			"this Content-Type is not understood here; send %s, or upload a torrent as %s", jsonType, torrentType)
	}
	switch strings.ToLower(h.Get("Content-Encoding")) {
	case "", "identity", "gzip", "x-gzip":
		return nil
	}
	return reason.New(reason.MediaUnsupported, "JSON is not accepted with this Content-Encoding; send it as it is, or with gzip")
}

// inflateJSON returns the JSON of a compressed body, which may have most bytes, when there is
// memory for it. It recognizes compression by the first bytes, as for torrents, and returns any
// other body as it is.
func inflateJSON(ctx context.Context, body []byte, most int64) ([]byte, *reason.Error) {
	if !inflate.IsCompressed(body) {
		return body, nil
	}
	if err := limit.ReservationOf(ctx).Take(ctx, inflate.Memory(most)); err != nil {
		return nil, reason.Of(err)
	}
	plain, err := inflate.Inflate(body, most)
	switch {
	case errors.Is(err, inflate.ErrTooLarge):
		return nil, reason.New(reason.TorrentTooLarge, "the JSON has more than %d bytes when decompressed, which is the most this server takes", most)
	case err != nil:
		return nil, reason.New(reason.RequestInvalid, "the JSON body: %s", err)
	}
	return plain, nil
}

// mediaType returns the Content-Type without parameters, in lower case; "" if there is none. It
// returns a malformed header as it is, which matches nothing.
func mediaType(h http.Header) string {
	text := h.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(text); err == nil {
		return t
	}
	return text
}

// jsonRanges maps each range of Accept that includes JSON to its precision.
var jsonRanges = map[string]int{"*/*": 1, "application/*": 2, jsonType: 3}

// prefersRaw reports whether Accept names the raw torrent with no lower quality than JSON. In all
// other cases the answer is JSON.
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
