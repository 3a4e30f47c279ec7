package fastpath

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"strconv"

	"golang.org/x/net/http/httpguts"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/origin"
)

// head describes the request head that parseHead found at the beginning of some bytes.
type head struct {
	// framed reports that the bytes begin with one whole request head that every HTTP reader
	// frames alike. If it is false, the other fields mean nothing.
	framed bool
	size   int   // of the head, blank line included, in bytes
	length int64 // of the body that follows, in bytes

	// plain reports that the request asks for id, and that nothing in it can change the answer.
	plain    bool
	headOnly bool // HEAD
	browser  bool // a browser asks: the http.Server answers a missing torrent with a page
	id       infohash.ID
	close    bool // the connection ends after the answer
	http10   bool
}

var (
	prefixGET    = []byte("GET /torrent/")
	prefixHEAD   = []byte("HEAD /torrent/")
	suffix11     = []byte(" HTTP/1.1")
	suffix10     = []byte(" HTTP/1.0")
	fileSuffix   = []byte(".torrent")
	tokenKeep    = []byte("keep-alive")
	tokenClose   = []byte("close")
	tokenTE      = []byte("te")
	comma        = []byte(",")
	methodTunnel = []byte("CONNECT")
)

// parseHead reads the request head at the beginning of b. A head is not framed if it is
// incomplete, or if two readers may understand it in two ways.
func parseHead(b []byte) head {
	var h head
	line, next := cutLine(b)
	if next == 0 || !h.requestLine(line) {
		return head{}
	}
	var f fields
	for {
		line, n := cutLine(b[next:])
		if n == 0 {
			return head{}
		}
		next += n
		if len(line) == 0 {
			break
		}
		if !f.add(line) {
			return head{}
		}
	}
	h.framed, h.size, h.length = true, next, f.length
	h.plain = h.plain && !f.special && (f.hosts == 1 || h.http10 && f.hosts == 0)
	h.browser = f.browser
	h.close = f.close || h.http10 && !f.keepAlive
	return h
}

// method returns the method of a plain request.
func (h *head) method() string {
	if h.headOnly {
		return http.MethodHead
	}
	return http.MethodGet
}

// cutLine returns the first line of b without its CR LF, and the offset behind it. The offset is 0
// if there is no line, or if it ends in a bare LF.
func cutLine(b []byte) (line []byte, next int) {
	i := bytes.IndexByte(b, '\n')
	if i < 1 || b[i-1] != '\r' {
		return nil, 0
	}
	return b[:i-1], i + 1
}

// requestLine reads the first line. It returns false if the line does not have the usual form.
func (h *head) requestLine(line []byte) bool {
	target, ok := bytes.CutSuffix(line, suffix11)
	if !ok {
		if target, ok = bytes.CutSuffix(line, suffix10); !ok {
			return false
		}
		h.http10 = true
	}
	if rest, ok := bytes.CutPrefix(target, prefixGET); ok {
		h.plain = h.parseID(rest)
	} else if rest, ok := bytes.CutPrefix(target, prefixHEAD); ok {
		h.headOnly = true
		h.plain = h.parseID(rest)
	}
	return h.plain || usualTarget(target)
}

// usualTarget reports whether b is a method in capitals, a space and a target
// in origin form of visible ASCII.
func usualTarget(b []byte) bool {
	i := bytes.IndexByte(b, ' ')
	if i < 1 || i+1 >= len(b) || b[i+1] != '/' || bytes.Equal(b[:i], methodTunnel) {
		return false
	}
	for _, c := range b[:i] {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	for _, c := range b[i+1:] {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// parseID reads HASH.torrent. Other spellings of the same torrent (without the suffix, with a
// title) are valid, but the server answers them.
func (h *head) parseID(b []byte) bool {
	digits, ok := bytes.CutSuffix(b, fileSuffix)
	if !ok || len(digits) != 2*infohash.SizeV1 && len(digits) != 2*infohash.SizeV2 {
		return false
	}
	var raw [infohash.SizeV2]byte
	n, err := hex.Decode(raw[:], digits)
	if err != nil {
		return false
	}
	h.id, err = infohash.FromBytes(raw[:n])
	return err == nil
}

// fields is the result of the header lines read so far.
type fields struct {
	hosts     int
	length    int64
	hasLength bool
	special   bool // a header that may change the answer
	browser   bool
	hasConn   bool
	close     bool
	keepAlive bool
}

// add reads one header line. It returns false if the line is irregular, or frames the message in a
// way that the fast path does not follow.
func (f *fields) add(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 || !httpguts.ValidHeaderFieldName(string(line[:colon])) {
		return false
	}
	value := bytes.Trim(line[colon+1:], " ")
	if !isPrintable(value) {
		return false
	}
	switch classify(line[:colon]) {
	case ignored:
		return true
	case special:
		f.special = true
		return true
	case browserHeader:
		f.browser = true
		return true
	case hostHeader:
		f.hosts++
		f.special = f.special || !isUsualHost(value)
		return true
	case connectionHeader:
		return f.connection(value)
	case loopHeader:
		f.special = f.special || origin.Looped([]string{string(value)})
		return true
	case lengthHeader:
		return f.contentLength(value)
	}
	return false // framing: Transfer-Encoding, Upgrade and the like
}

// connection reads the tokens close, keep-alive and TE. It returns false for any other token,
// which may give a header an unknown meaning.
func (f *fields) connection(value []byte) bool {
	if f.hasConn {
		return false
	}
	f.hasConn = true
	for token := range bytes.SplitSeq(value, comma) {
		switch token = bytes.Trim(token, " "); {
		case equalFold(token, tokenClose):
			f.close = true
		case equalFold(token, tokenKeep):
			f.keepAlive = true
		case !equalFold(token, tokenTE):
			return false
		}
	}
	f.special = f.special || f.close && f.keepAlive
	return true
}

func (f *fields) contentLength(value []byte) bool {
	const bits = 62 // so that a head more is still an int64
	n, err := strconv.ParseUint(string(value), 10, bits)
	if f.hasLength || err != nil {
		return false
	}
	f.length, f.hasLength, f.special = int64(n), true, true
	return true
}

// isPrintable reports whether b holds no control character. Bytes above ASCII
// are let in (obs-text, RFC 9110, section 5.5).
func isPrintable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// isUsualHost reports whether b is a host name or address, with or without a port, of characters
// that every reader accepts.
func isUsualHost(b []byte) bool {
	for _, c := range b {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == ':', c == '[', c == ']', c == '_':
		default:
			return false
		}
	}
	return len(b) > 0
}
