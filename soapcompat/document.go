package soapcompat

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

const (
	// maxTag is how many bytes of UTF-8 one piece of markup may have: a tag with its attributes, a
	// comment, or a declaration. encoding/xml takes 25 times the memory of a tag full of
	// attributes.
	maxTag = 64 << 10

	// maxDepth is how deep elements may nest. A call needs 4 levels; deeper ones are in headers or
	// parts that are ignored. Without a bound, open elements would take 50 times the memory of the
	// document.
	maxDepth = 32
)

// cdata begins a section of text. Like other text it has no bound of its own.
const cdata = "<![CDATA["

// document is an XML document that encoding/xml reads token by token. It refuses a DTD (SOAP 1.1,
// section 3), deep nesting and long markup: no SOAP request has them. It belongs to one request.
type document struct {
	decoder *xml.Decoder
	r       *bufio.Reader // the input of decoder, in UTF-8
	last    byte          // the last byte that decoder has read from r
	left    int           // how many more bytes the current token may have
	depth   int           // of the element that contained the last token
}

func newDocument(r *bufio.Reader) *document {
	readAsXML10(r)
	d := &document{r: r}
	d.decoder = xml.NewDecoder(d)
	d.decoder.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		r, err := declared(label, d.r)
		if err != nil {
			return nil, err
		}
		d.r = r
		return d, nil
	}
	return d
}

// readAsXML10 changes the declaration of XML 1.1 to 1.0, because encoding/xml refuses 1.1. The
// additions of 1.1 (characters in names and at the ends of lines) occur in no request.
func readAsXML10(r *bufio.Reader) {
	const declaration = `<?xml version="1.`
	head, _ := r.Peek(len(declaration) + 1) // the next read returns the error again
	head = bytes.ReplaceAll(head, []byte("'"), []byte(`"`))
	if bytes.HasPrefix(head, []byte(declaration)) && len(head) > len(declaration) {
		behind, _ := r.Peek(len(declaration) + 1)
		behind[len(declaration)] = '0'
	}
}

// token returns the next token. It is valid until the next call of token.
func (d *document) token() (xml.Token, error) {
	d.begin()
	token, err := d.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token.(type) {
	case xml.Directive:
		return nil, &fault{code: clientFault, text: "DTD are not supported by SOAP"}
	case xml.StartElement:
		d.depth++
		if d.depth > maxDepth {
			return nil, &fault{code: clientFault, text: fmt.Sprintf("Elements are nested deeper than %d levels", maxDepth)}
		}
	case xml.EndElement:
		d.depth--
	}
	return token, nil
}

// begin sets how long the next token may be.
func (d *document) begin() {
	head, _ := d.r.Peek(len(cdata)) // the next read returns the error again
	if d.last == '<' {              // a text ended there, and decoder holds the byte
		head = append([]byte("<"), head...)
	}
	d.left = math.MaxInt
	if bytes.HasPrefix(head, []byte("<")) && !bytes.HasPrefix(head, []byte(cdata)) {
		d.left = maxTag
	}
}

// nextChild returns the next child of the element at depth, which d is in; nil at the end of that
// element. It skips the content of children and everything between them.
func (d *document) nextChild(depth int) (*xml.StartElement, error) {
	for {
		token, err := d.token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if d.depth == depth+1 {
				return &t, nil
			}
		case xml.EndElement:
			if d.depth < depth {
				return nil, nil
			}
		}
	}
}

// ReadByte implements [io.ByteReader], which decoder uses.
func (d *document) ReadByte() (c byte, err error) {
	if d.left <= 0 {
		return 0, &fault{code: clientFault, text: fmt.Sprintf("Markup is longer than %d bytes", maxTag)}
	}
	d.left--
	d.last, err = d.r.ReadByte()
	return d.last, err
}

// Read implements [io.Reader], which xml.NewDecoder requires and decoder does not call.
func (d *document) Read(p []byte) (int, error) { return d.r.Read(p) }

// utf8Mark is the byte order mark in UTF-8, which many Windows programs write.
const utf8Mark = "\xef\xbb\xbf"

// toUTF8 returns an XML document in UTF-8 as far as its first bytes tell the encoding. It removes a
// byte order mark, and decodes UTF-16 with or without one (XML 1.0, appendix F). It leaves any
// other document as it is; the document's declaration names the encoding.
func toUTF8(document *bufio.Reader) *bufio.Reader {
	head, _ := document.Peek(len(utf8Mark)) // the next read returns the error again
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

// declared returns rest, the part of a document after a declaration that names the encoding label,
// in UTF-8. A document that declares UTF-16 is decoded already; otherwise nobody could have read
// its declaration.
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
