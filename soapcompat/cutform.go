package soapcompat

import (
	"bytes"
	"strings"
)

// maxPartHead is how large the header of a part may be for cutForm, in bytes.
const maxPartHead = 4 << 10

var crlf = []byte("\r\n")

// endsForm reports whether b ends as a form does: then nobody waits for more,
// which clients that miscount their Content-Length do not send.
func endsForm(b, delimiter []byte) bool {
	b, whole := bytes.CutSuffix(bytes.TrimRight(b, "\r\n\t "), []byte("--"))
	return whole && bytes.HasSuffix(b, delimiter)
}

// cutForm is scanForm for a form as programs write it: lines that end with CR LF,
// nothing before the first delimiter and after the last one, headers of one line
// each. It returns a part of form, which mime/multipart would read and copy 4 KiB
// at a time; nil if there is no torrent. It reports whether it understood all of
// form: what it does not expect is mime/multipart's to judge.
func cutForm(form, delimiter []byte) (torrent []byte, ok bool) {
	rest, ok := bytes.CutPrefix(form, append(delimiter[:len(delimiter):len(delimiter)], crlf...))
	end := append(crlf[:len(crlf):len(crlf)], delimiter...)
	for range maxParts - 1 {
		disposition, content, headed := cutPartHead(rest)
		if !ok || !headed || bytes.HasPrefix(content, delimiter) {
			return nil, false
		}
		content, rest, ok = bytes.Cut(content, end)
		if holdsTorrent(disposition) && (len(content) > 0 || !isUnchosen(disposition)) {
			torrent = content[:len(content):len(content)]
		}
		if after, last := bytes.CutPrefix(rest, []byte("--")); last {
			return torrent, ok && len(bytes.TrimPrefix(after, crlf)) == 0
		}
		rest, headed = bytes.CutPrefix(rest, crlf)
		ok = ok && headed
	}
	return nil, false
}

// cutPartHead cuts the header off a part and returns its Content-Disposition.
func cutPartHead(part []byte) (disposition string, content []byte, ok bool) {
	end := bytes.Index(part[:min(len(part), maxPartHead)], []byte("\r\n\r\n"))
	if end < 0 {
		return "", nil, false
	}
	found := false
	for line := range strings.SplitSeq(string(part[:end]), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isPlainName(name) || strings.ContainsFunc(value, isControl) {
			return "", nil, false
		}
		if !found && strings.EqualFold(name, "Content-Disposition") {
			disposition, found = strings.Trim(value, " \t"), true
		}
	}
	return disposition, part[end+4:], true
}

// isPlainName reports whether name is made of letters and hyphens.
func isPlainName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
