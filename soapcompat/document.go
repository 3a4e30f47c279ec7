package soapcompat

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
)

const (
	// maxTag is how long one piece of markup may be: a tag with its attributes, a
	// comment, a declaration; in bytes of UTF-8. encoding/xml takes 25 times the
	// memory of a tag that is full of attributes.
	maxTag = 64 << 10

	// maxDepth is how deep elements may nest. A call needs 4 levels; what is deeper
	// is in a header or a part that nobody understands. Without a bound, open elements
	// would take 50 times the memory of the document.
	maxDepth = 32
)

// cdata begins a section of text, which like other text has no bound of its own.
const cdata = "<![CDATA["

// document is an XML document that encoding/xml reads token by token. It stops at what no
// SOAP request has: a DTD (SOAP 1.1, section 3), deep nesting, long markup. It belongs to
// one request.
type document struct {
	decoder *xml.Decoder
	r       *bufio.Reader // what decoder reads, in UTF-8
	last    byte          // of r that decoder has
	left    int           // how many bytes the current token may yet have
	depth   int           // of the element that the last token was in
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

// readAsXML10 has a document that says it is XML 1.1 say 1.0. No request has what is new in
// 1.1, which are characters in names and at the ends of lines, and encoding/xml refuses it.
func readAsXML10(r *bufio.Reader) {
	const declaration = `<?xml version="1.`
	head, _ := r.Peek(len(declaration) + 1) // an error comes back when it is read
	head = bytes.ReplaceAll(head, []byte("'"), []byte(`"`))
	if bytes.HasPrefix(head, []byte(declaration)) && len(head) > len(declaration) {
		behind, _ := r.Peek(len(declaration) + 1)
		behind[len(declaration)] = '0'
	}
}

// token returns the next token, which is good until token is called again.
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

// begin sets how long the token may be that comes next.
func (d *document) begin() {
	head, _ := d.r.Peek(len(cdata)) // an error comes back when it is read
	if d.last == '<' {              // text ended there, and decoder holds it
		head = append([]byte("<"), head...)
	}
	d.left = math.MaxInt
	if bytes.HasPrefix(head, []byte("<")) && !bytes.HasPrefix(head, []byte(cdata)) {
		d.left = maxTag
	}
}

// nextChild returns the next element in the one at depth, in which d is, or nil at the end
// of that. What is between and in children is passed over.
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

// ReadByte implements [io.ByteReader], by which decoder reads.
func (d *document) ReadByte() (c byte, err error) {
	if d.left <= 0 {
		return 0, &fault{code: clientFault, text: fmt.Sprintf("Markup is longer than %d bytes", maxTag)}
	}
	d.left--
	d.last, err = d.r.ReadByte()
	return d.last, err
}

// Read implements [io.Reader], which decoder asks for and does not call.
func (d *document) Read(p []byte) (int, error) { return d.r.Read(p) }
