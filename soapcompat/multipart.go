package soapcompat

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/torrentcache/torrentcache/internal/httpx"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// maxParts is how many fields a form may have. Scripts send a handful.
const maxParts = 1000

// readMultipart returns the content of the field torrent of a multipart form, a file or text; nil
// if there is none. Scripts were written against PHP, so readMultipart reads forms as PHP 8.2 does,
// quirks included; test/ compares the two. If several fields have that name, the last one counts. A
// field that stops half-way does not count.
func (h *Handler) readMultipart(r *http.Request, body plainBody) (upload, *reason.Error) {
	boundary := boundaryOf(r.Header.Get("Content-Type"))
	if boundary == "" {
		return upload{}, reason.New(reason.TorrentMissing, "The Content-Type names no boundary. %s", sendForm)
	}
	delimiter := []byte("--" + boundary)
	form, err := httpx.ReadUntil(body, body.most, func(b []byte) bool { return endsForm(b, delimiter) })
	if err != nil {
		return upload{}, reason.Of(err)
	}
	torrent, failure := torrentIn(form, delimiter)
	return upload{torrent, form}, failure
}

// endsForm reports whether b ends as a form does. Reading stops there, because a client that
// miscounted its Content-Length sends nothing more.
func endsForm(b, delimiter []byte) bool {
	b, whole := bytes.CutSuffix(bytes.TrimRight(b, "\r\n\t "), []byte("--"))
	return whole && bytes.HasSuffix(b, delimiter)
}

// torrentIn returns the content of the field torrent. It is a part of form.
func torrentIn(form, delimiter []byte) (torrent []byte, failure *reason.Error) {
	end := append([]byte("\n"), delimiter...)
	for range maxParts {
		part, found := afterDelimiter(form, delimiter)
		if !found {
			return torrent, nil
		}
		disposition, content := cutPartHead(part)
		size := bytes.Index(content, end)
		if holdsTorrent(disposition) {
			torrent = fileIn(content, size, disposition, torrent)
		}
		if size < 0 {
			return torrent, nil
		}
		form = content[size+1:]
	}
	return nil, reason.New(reason.TorrentMissing, "The form has more than %d fields. %s", maxParts, sendForm)
}

// fileIn returns the first size bytes of content without the line end behind them. It returns nil
// if size is negative, because the form ended early, and before if no file was chosen.
func fileIn(content []byte, size int, disposition string, before []byte) []byte {
	if size < 0 {
		return nil
	}
	file := bytes.TrimSuffix(content[:size], []byte("\r"))
	if len(file) == 0 && isUnchosen(disposition) {
		return before
	}
	return file[:len(file):len(file)]
}

// afterDelimiter returns the part of b after the first line that equals delimiter.
func afterDelimiter(b, delimiter []byte) (rest []byte, found bool) {
	for more := true; more; {
		var line []byte
		if line, b, more = cutLine(b); more && bytes.Equal(line, delimiter) {
			return b, true
		}
	}
	return nil, false
}

// cutLine cuts the first line off b. Whole is false if b has no line end.
func cutLine(b []byte) (line, rest []byte, whole bool) {
	line, rest, whole = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest, whole
}

// cutPartHead cuts the header off a part and returns the part's first Content-Disposition. A line
// without a colon, or with a blank at its start, continues the line before it.
func cutPartHead(part []byte) (disposition string, content []byte) {
	found, inIt := false, false
	for {
		line, rest, whole := cutLine(part)
		if part = rest; !whole || len(line) == 0 {
			return disposition, part
		}
		name, value, isHeader := bytes.Cut(line, []byte(":"))
		switch isHeader = isHeader && !isBlank(line[0]); {
		case isHeader:
			inIt = !found && bytes.EqualFold(name, []byte("Content-Disposition"))
			if inIt {
				found, disposition = true, strings.TrimLeft(string(value), blanks)
			}
		case inIt:
			disposition += string(line)
		}
	}
}

// holdsTorrent reports whether the part with this Content-Disposition is the field torrent.
func holdsTorrent(disposition string) bool {
	name, _ := headerParam(disposition, "name")
	return name == field
}

// isUnchosen reports whether the part is the one that browsers send for a file field without a
// chosen file (HTML standard, constructing the entry list).
func isUnchosen(disposition string) bool {
	filename, isFile := headerParam(disposition, "filename")
	return isFile && filename == ""
}
