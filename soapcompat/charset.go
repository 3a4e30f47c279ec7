package soapcompat

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// utf8Mark is the byte order mark in UTF-8, which many programs of Windows write.
const utf8Mark = "\xef\xbb\xbf"

// toUTF8 returns document, an XML document, in UTF-8 as far as its first bytes
// decide: a byte order mark is taken off, and UTF-16 is decoded with a mark or
// without (XML 1.0, appendix F). Anything else stays as it is, and its
// declaration names its encoding.
func toUTF8(document *bufio.Reader) *bufio.Reader {
	head, _ := document.Peek(len(utf8Mark)) // an error comes back when it is read
	endian := unicode.LittleEndian
	switch {
	case bytes.HasPrefix(head, []byte(utf8Mark)):
		_, _ = document.Discard(len(utf8Mark)) // they are in the buffer
		return document
	case bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00<")):
		endian = unicode.BigEndian
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("<\x00")):
	default:
		return document
	}
	return bufio.NewReader(unicode.UTF16(endian, unicode.UseBOM).NewDecoder().Reader(document))
}

// declared returns rest, what follows a declaration that names the encoding
// label, in UTF-8. A document that declares UTF-16 has been decoded by then, or
// its declaration could not have been read.
func declared(label string, rest *bufio.Reader) (*bufio.Reader, error) {
	if strings.HasPrefix(strings.ToLower(label), "utf-16") {
		return rest, nil
	}
	charset, err := htmlindex.Get(label)
	if err != nil {
		return nil, &fault{code: clientFault, text: fmt.Sprintf("The encoding %q is not understood; send UTF-8", label)}
	}
	return bufio.NewReader(charset.NewDecoder().Reader(rest)), nil
}
