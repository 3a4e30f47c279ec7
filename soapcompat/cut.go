package soapcompat

import (
	"bufio"
	"bytes"
	"slices"
)

// mark stands for the torrent in what cutCall gives to encoding/xml. It looks like base64,
// and is none.
const mark = "=mark="

// cutCall reads a call as programs write it: one long text in base64, and around it at most
// envelopeSize bytes, which encoding/xml reads. The torrent is decoded where it lies.
// It reports whether it understood document; if not, document is as it was, and plainCall's
// to judge.
func cutCall(document []byte) (c call, ok bool) {
	document = bytes.TrimPrefix(document, []byte(utf8Mark))
	text := longestText(document)
	if len(text) == 0 || len(document)-len(text) > envelopeSize || wrongDigit(text) >= 0 {
		return call{}, false
	}
	begin := cap(document) - cap(text) // text is a part of document, and nothing is cut off behind it
	rest := slices.Concat(document[:begin], []byte(mark), document[begin+len(text):])
	// A reference may make a mark, and the text may be in the middle of one.
	if bytes.Count(rest, []byte(mark)) > 1 || bytes.IndexByte(rest, '&') >= 0 {
		return call{}, false
	}
	d := newDocument(bufio.NewReader(bytes.NewReader(rest)))
	d.decoder.CharsetReader = nil // an encoding but UTF-8 is an error
	if c.read(d, nil) != nil || c.invalid != nil || string(bytes.TrimSpace(c.request.Torrent)) != mark {
		return call{}, false
	}
	c.request.Torrent = text
	c.decode()
	return c, true
}

// longestText returns the part of document that is its longest text, with the capacity that
// is left behind it.
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
