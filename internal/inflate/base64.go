package inflate

import (
	"bytes"
	"encoding/base64"
)

// IsBase64 reports whether b begins like the base64 (RFC 4648) of a torrent, or of gzip or bzip2
// data. Torrents and compressed data never begin like that.
func IsBase64(b []byte) bool {
	var head [3]byte
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) < 4 {
		return false
	}
	if _, err := base64.StdEncoding.Decode(head[:], b[:4]); err != nil {
		return false
	}
	return head[0] == 'd' && '0' <= head[1] && head[1] <= '9' || IsCompressed(head[:])
}

// FromBase64 returns the decoded b if [IsBase64] and all of it is base64, and otherwise b
// itself. Some callers encode twice because their library encodes, too. Padding is optional, and
// line breaks may be anywhere. It is safe for concurrent use.
func FromBase64(b []byte) []byte {
	if !IsBase64(b) {
		return b
	}
	digits := bytes.TrimRight(bytes.Trim(b, " \t\r\n"), "=\r\n")
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(digits)))
	n, err := base64.RawStdEncoding.Decode(out, digits)
	if err != nil {
		return b
	}
	return out[:n]
}
