package httpx

import (
	"bytes"
	"fmt"
)

// mendRequestLine returns line, which ends in a line feed, with what net/http
// answers 400 to escaped as RFC 3986 wants it: blanks and control characters in
// the target, and percent signs in the path that begin no escape. Clients put
// them there when they paste a title into a URL. A line that needs no mending
// is returned as it is. ok is false if it is no HTTP/1 request line at all.
func mendRequestLine(line []byte) (mended []byte, ok bool) {
	method, rest, ok := bytes.Cut(line, []byte(" "))
	end := bytes.LastIndex(rest, []byte(" HTTP/1."))
	if !ok || end < 0 || len(method) == 0 {
		return line, false
	}
	target, protocol := rest[:end], rest[end:]
	escaped := escapeTarget(bytes.Trim(target, " "))
	if bytes.Equal(escaped, target) {
		return line, true
	}
	return bytes.Join([][]byte{method, []byte(" "), escaped, protocol}, nil), true
}

func escapeTarget(target []byte) []byte {
	out := make([]byte, 0, len(target))
	inPath := true
	for i, c := range target {
		inPath = inPath && c != '?'
		if c <= ' ' || c == 0x7f || inPath && c == '%' && !isEscape(target[i:]) {
			out = fmt.Appendf(out, "%%%02X", c)
		} else {
			out = append(out, c)
		}
	}
	return out
}

// isEscape reports whether s, whose first byte is a percent sign, begins with a
// percent sign and two hex digits.
func isEscape(s []byte) bool {
	const digits = "0123456789abcdefABCDEF"
	return len(s) > 2 && bytes.IndexByte([]byte(digits), s[1]) >= 0 && bytes.IndexByte([]byte(digits), s[2]) >= 0
}
