package soapcompat

import (
	"bytes"
	"encoding/base64"
	"slices"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// inBase64 is what base64 is written with. Line breaks and spaces may be anywhere, as for
// PHP's base64_decode.
const inBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"

// wrongDigit returns where in text the first byte is that base64 is not written with, -1 if
// there is none.
func wrongDigit(text []byte) int {
	var good [256]bool // the text is long
	for _, c := range []byte(inBase64) {
		good[c] = true
	}
	for i, c := range text {
		if !good[c] {
			return i
		}
	}
	return -1
}

// decodeBase64 decodes text in its own memory. It takes padding that is there or not. The
// error is TORRENT_INVALID.
func decodeBase64(text []byte) ([]byte, *reason.Error) {
	if bytes.IndexByte(text, ' ') >= 0 || bytes.IndexByte(text, '\t') >= 0 { // Decode knows line breaks only
		text = slices.DeleteFunc(text, func(c byte) bool { return c == ' ' || c == '\t' })
	}
	// This is safe: 4 digits are read before their 3 bytes are written.
	n, err := base64.RawStdEncoding.Decode(text, bytes.TrimRight(text, "=\r\n"))
	if err != nil {
		return text, notBase64(err)
	}
	return text[:n], nil
}

// notBase64 is the error of a torrent that is not in base64.
func notBase64(err error) *reason.Error {
	return reason.New(reason.TorrentInvalid, "The torrent is not base64: %v.", err)
}
