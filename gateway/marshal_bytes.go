package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"sync"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/wire"
)

// maxPooled is the largest buffer that is kept for reuse, in bytes.
const maxPooled = 1 << 20

// torrentWriter writes GetTorrentResponse as JSON. protojson takes several times as long for the
// bytes, and new memory for each answer. A torrentWriter is safe for concurrent use.
type torrentWriter struct{ buffers sync.Pool }

// write answers with m. The Reservation of ctx counts the memory of the JSON.
func (t *torrentWriter) write(ctx context.Context, w http.ResponseWriter, m *torrentcachev1.GetTorrentResponse) error {
	const others = 1 << 10 // bytes of the other fields, at most
	if err := limit.ReservationOf(ctx).Take(ctx, int64(base64.StdEncoding.EncodedLen(len(m.GetTorrent()))+others)); err != nil {
		return err
	}
	buffer, ok := t.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	text, err := appendTorrent((*buffer)[:0], m)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	httpx.Write(w, http.StatusOK, jsonType, text)
	if cap(text) <= maxPooled {
		*buffer = text
		t.buffers.Put(buffer)
	}
	return nil
}

// appendTorrent appends m as marshalJSON writes it: protojson gets it without
// the torrent, which then goes where protojson put an empty one.
func appendTorrent(b []byte, m *torrentcachev1.GetTorrentResponse) ([]byte, error) {
	rest, err := marshalJSON.Marshal(wire.WithTorrent(m, nil))
	if err != nil {
		return nil, err
	}
	empty := bytes.Index(rest, []byte(`""`))
	if empty < 0 || !bytes.HasPrefix(rest, []byte(`{"torrent":`)) {
		return nil, errors.New("protojson does not begin with the first field")
	}
	b = slices.Grow(b, len(rest)+base64.StdEncoding.EncodedLen(len(m.GetTorrent())))
	b = append(b, rest[:empty+1]...)
	b = base64.StdEncoding.AppendEncode(b, m.GetTorrent())
	return append(b, rest[empty+1:]...), nil
}

// minCut is the length, in base64 digits, from which a torrent is cut out of its JSON before
// protojson reads the rest. protojson takes several times as long for the digits.
const minCut = 1 << 10

// unmarshalUpload reads a CacheTorrentRequest as protojson does. It returns the ignored fields,
// and whether it could read the request. If it could not, protojson reads the whole request, and
// reports any error.
//
// unmarshalUpload decodes the longest string itself, and gives protojson a random one in its
// place. If protojson reads the random string as the torrent, the longest string is the torrent's.
func unmarshalUpload(data []byte, m *torrentcachev1.CacheTorrentRequest) (ignored []string, ok bool) {
	begin, end := longestString(data)
	if end-begin < minCut {
		return nil, false
	}
	digits := data[begin:end]
	if bytes.IndexByte(digits, '\\') >= 0 { // PHP's json_encode escapes each slash
		digits = bytes.ReplaceAll(digits, []byte(`\/`), []byte("/"))
	}
	torrent, ok := decodeBase64(digits)
	if !ok {
		return nil, false
	}
	placeholder := []byte(rand.Text() + "AA") // 28 base64 digits
	random, _ := decodeBase64(placeholder)
	rest := slices.Concat(data[:begin], placeholder, data[end:])
	ignored, err := unmarshalTolerantly(rest, m)
	if err != nil || !bytes.Equal(m.GetTorrent(), random) {
		return nil, false
	}
	m.Torrent = torrent
	return ignored, true
}

// longestString returns where the longest text between two quotation marks is. If it
// consists of base64 digits, it is a string of the JSON or the end of one: outside of
// strings there is punctuation between two quotation marks.
func longestString(data []byte) (begin, end int) {
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], '"')
		if n < 0 {
			return begin, end
		}
		if n > end-begin && at > 0 {
			begin, end = at, at+n
		}
		at += n + 1
	}
}

// decodeBase64 decodes base64 in the forms that protojson accepts for bytes: either alphabet, with
// padding or without. It refuses all else. Package base64 would skip line breaks, which cannot
// stand in JSON.
func decodeBase64(digits []byte) ([]byte, bool) {
	if bytes.IndexByte(digits, '\n') >= 0 || bytes.IndexByte(digits, '\r') >= 0 {
		return nil, false
	}
	encoding := base64.StdEncoding
	if bytes.IndexByte(digits, '-') >= 0 || bytes.IndexByte(digits, '_') >= 0 {
		encoding = base64.URLEncoding
	}
	if len(digits)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	decoded := make([]byte, encoding.DecodedLen(len(digits)))
	n, err := encoding.Decode(decoded, digits)
	return decoded[:n:n], err == nil
}
