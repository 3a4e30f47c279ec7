package soapcompat

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
)

// maxTag is how long one piece of markup may be: a tag with its attributes, a
// comment, a declaration; in bytes of UTF-8. encoding/xml takes 25 times the
// memory of a tag that is full of attributes.
const maxTag = 64 << 10

// source feeds a document to encoding/xml, byte by byte, and bounds the markup
// in it. Text and CDATA are not bounded here. It belongs to one request.
type source struct {
	r    *bufio.Reader
	last byte // what ReadByte gave last
	left int  // how many bytes of the current markup may follow; below 0: any number
}

// decoder returns a decoder of what s holds.
func (s *source) decoder() *xml.Decoder {
	d := xml.NewDecoder(s)
	d.CharsetReader = func(label string, _ io.Reader) (io.Reader, error) {
		r, err := declared(label, s.r)
		if err != nil {
			return nil, err
		}
		s.r = r
		return s, nil
	}
	return d
}

// begin says that the decoder is about to read another token.
func (s *source) begin() {
	const cdata = "<![CDATA["
	head, _ := s.r.Peek(len(cdata)) // an error comes back when it is read
	if s.last == '<' {              // text ended there, and the decoder holds it
		head = append([]byte{'<'}, head...)
	}
	s.left = maxTag
	if !bytes.HasPrefix(head, []byte("<")) || bytes.HasPrefix(head, []byte(cdata)) {
		s.left = -1
	}
}

// ReadByte implements [io.ByteReader], by which the decoder reads.
func (s *source) ReadByte() (byte, error) {
	if s.left == 0 {
		return 0, &fault{code: clientFault, text: fmt.Sprintf("Markup is longer than %d bytes", maxTag)}
	}
	s.left--
	var err error
	s.last, err = s.r.ReadByte()
	return s.last, err
}

// Read implements [io.Reader], which the decoder asks for and does not call.
func (s *source) Read(p []byte) (int, error) { return s.r.Read(p) }
