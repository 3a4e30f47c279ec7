package httpx

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/net/http/httpguts"
)

// mendRequestLine returns line, which ends in a line feed, with some characters escaped as
// in RFC 3986: blanks and control characters in the target, and percent signs in the path
// that begin no escape. Net/http answers 400 to them. Clients put them there when they paste
// a title into a URL. A line that needs no mending is returned unchanged. ok is false if it
// is no HTTP/1 request line at all.
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

// mendHeaderLine returns line, which is not empty and ends in a line feed, in a form that
// net/http accepts. Control characters in the value become blanks (RFC 9110, section 5.5). The
// result is nil if the line is no header, or an expectation that the server cannot meet. The web
// server of the original ignored all these faults. A header that says where a message ends or
// goes is returned unchanged. Net/http refuses a faulty one: two servers might read it in two ways.
func mendHeaderLine(line []byte) []byte {
	if line[0] == ' ' || line[0] == '\t' {
		return line // it belongs to the line before
	}
	name, value, found := bytes.Cut(line, []byte(":"))
	switch {
	case mayFrame(name):
		return line
	case !found, !httpguts.ValidHeaderFieldName(string(name)):
		return nil
	case bytes.EqualFold(name, []byte("Expect")) && !bytes.EqualFold(bytes.TrimSpace(value), []byte("100-continue")):
		return nil
	}
	end := len(bytes.TrimRight(line, "\r\n"))
	for i := len(name) + 1; i < end; i++ {
		if c := line[i]; (c < ' ' || c == 0x7f) && c != '\t' && c != 0 {
			line[i] = ' '
		}
	}
	return line
}

// mayFrame reports whether a server might take name for that of a header which says where a
// message ends or goes.
func mayFrame(name []byte) bool {
	framing := []string{"content-length", "transfer-encoding", "upgrade", "connection", "host"}
	return slices.ContainsFunc(framing, func(part string) bool { return bytes.Contains(bytes.ToLower(name), []byte(part)) })
}
