package inflate

import (
	"bytes"
	"encoding/base64"
)

// IsBase64 reports whether b begins as the base64 (RFC 4648) of a torrent, or of gzip or
// bzip2, does. No torrent and nothing compressed begins so, and none of them consists of
// base64 digits alone.
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

// FromBase64 returns what b is the base64 of, if [IsBase64] and all of it is: callers encode
// once more than needed when what they call does so too. Padding may lack, and line breaks
// may be anywhere. Otherwise it returns b itself. It is safe for concurrent use.
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
