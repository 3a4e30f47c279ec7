package soapcompat

import (
	"bytes"
	"encoding/base64"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// decodeBase64 decodes text in place and returns the part of it that holds the
// result. As PHP's base64_decode it takes line breaks and spaces anywhere, and
// padding that is there or not; anything else is TORRENT_INVALID.
func decodeBase64(text []byte) ([]byte, *reason.Error) {
	digits := text[:0]
	for _, c := range text {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			digits = append(digits, c)
		}
	}
	digits = bytes.TrimRight(digits, "=")
	// Decoding in place is safe: 4 digits are read before their 3 bytes are written.
	n, err := base64.RawStdEncoding.Decode(digits, digits)
	if err != nil {
		return nil, reason.New(reason.TorrentInvalid, "The torrent is not base64: %v.", err)
	}
	return digits[:n], nil
}
