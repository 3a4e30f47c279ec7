package gateway

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"slices"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
)

// minCut is from which length a torrent is taken out of its JSON before protojson
// reads it, in base64 digits. protojson takes several times as long for them.
const minCut = 1 << 10

// unmarshalUpload reads a CacheTorrentRequest as protojson does, and reports whether
// it did, and what it ignored. If not, protojson begins anew: errors, above all, are for it
// to tell.
//
// The longest string is decoded here, and protojson reads a random one in its place.
// Where that comes out as the torrent, the longest string is the torrent's.
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

// decodeBase64 decodes what protojson accepts for bytes: either alphabet, with
// padding or without, but nothing else. The package base64 would pass over line
// breaks, which cannot stand in JSON.
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
