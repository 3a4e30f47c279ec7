package soapcompat

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"slices"

	"github.com/torrentcache/torrentcache/internal/reason"
)

// mark replaces the torrent in the document that cutCall gives to encoding/xml. It looks like
// base64 but is not.
const mark = "=mark="

// cutCall reads a call as most programs write it: one long text in base64, and around it at most
// envelopeSize bytes, which encoding/xml reads. It decodes the torrent in place. It reports whether
// it understood document. If not, document is unchanged, and plainCall must read it.
func cutCall(document []byte) (c call, ok bool) {
	document = bytes.TrimPrefix(document, []byte(utf8Mark))
	text := longestText(document)
	if len(text) == 0 || len(document)-len(text) > envelopeSize || wrongDigit(text) >= 0 {
		return call{}, false
	}
	begin := cap(document) - cap(text) // text is a part of document and keeps its whole capacity
	rest := slices.Concat(document[:begin], []byte(mark), document[begin+len(text):])
	// A reference may produce a second mark, or the text may be in the middle of one.
	if bytes.Count(rest, []byte(mark)) > 1 || bytes.IndexByte(rest, '&') >= 0 {
		return call{}, false
	}
	d := newDocument(bufio.NewReader(bytes.NewReader(rest)))
	d.decoder.CharsetReader = nil // an encoding other than UTF-8 is an error
	if c.read(d, nil) != nil || c.invalid != nil || string(bytes.TrimSpace(c.request.Torrent)) != mark {
		return call{}, false
	}
	c.request.Torrent = text
	c.decode()
	return c, true
}

// longestText returns the longest text in document. The slice keeps the capacity behind it.
func longestText(document []byte) (longest []byte) {
	for len(document) > 0 {
		var markup []byte
		markup, document, _ = bytes.Cut(document, []byte("<"))
		text, inCDATA := bytes.CutPrefix(markup, []byte(cdata[1:]))
		if inCDATA {
			text, _, _ = bytes.Cut(text, []byte("]]>"))
		} else {
			_, text, _ = bytes.Cut(markup, []byte(">"))
		}
		if len(text) > len(longest) {
			longest = text
		}
	}
	return longest
}

// inBase64 are the characters of base64. Line breaks and spaces may be anywhere, as in PHP's
// base64_decode.
const inBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"

// wrongDigit returns the index of the first byte of text that is not in inBase64; -1 if there is
// none.
func wrongDigit(text []byte) int {
	var good [256]bool // a table, because the text is long
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

// decodeBase64 decodes text in place. Padding may be there or not. The error is TORRENT_INVALID.
func decodeBase64(text []byte) ([]byte, *reason.Error) {
	// Decode skips line breaks only.
	if bytes.IndexByte(text, ' ') >= 0 || bytes.IndexByte(text, '\t') >= 0 {
		text = slices.DeleteFunc(text, func(c byte) bool { return c == ' ' || c == '\t' })
	}
	// Decoding in place is safe: Decode reads 4 digits before it writes their 3 bytes.
	n, err := base64.RawStdEncoding.Decode(text, bytes.TrimRight(text, "=\r\n"))
	if err != nil {
		return text, notBase64(err)
	}
	return text[:n], nil
}

// notBase64 returns the error for a torrent that is not in base64.
func notBase64(err error) *reason.Error {
	return reason.New(reason.TorrentInvalid, "The torrent is not base64: %v.", err)
}
