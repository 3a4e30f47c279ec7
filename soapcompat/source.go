package soapcompat

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	// maxTag is how long one piece of markup may be: a tag with its attributes, a
	// comment, a declaration; in bytes of UTF-8. encoding/xml takes 25 times the
	// memory of a tag that is full of attributes.
	maxTag = 64 << 10

	// cutAfter is how many bytes of text the decoder is given at a time.
	// encoding/xml holds a text as a whole, in memory that it doubles as it grows.
	cutAfter = 32 << 10
)

// What cuts a text and a CDATA section in two, and leaves the document's meaning
// as it is: an empty comment; the section's end and the beginning of another.
const (
	cdata    = "<![CDATA["
	cutText  = "<!---->"
	cutCDATA = "]]>" + cdata
)

// source feeds a document to encoding/xml, byte by byte. It bounds the markup in
// it, and hands long text over in several pieces. It belongs to one request.
type source struct {
	r       *bufio.Reader
	pending string // comes before what r holds
	last    byte   // what ReadByte gave last
	left    int    // how many bytes the current markup, or piece of text, may yet have
	cut     string // what ends the current piece of text; "" within markup

	inReference bool // within a text's &...;
	cutAfter    int  // bytes
}

func newSource(r *bufio.Reader) *source { return &source{r: r, cutAfter: cutAfter} }

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
	ahead, _ := s.r.Peek(len(cdata)) // an error comes back when it is read
	head := make([]byte, 0, 32)
	if s.last == '<' { // text ended there, and the decoder holds it
		head = append(head, '<')
	}
	head = append(append(head, s.pending...), ahead...)
	s.inReference = false
	switch {
	case bytes.HasPrefix(head, []byte(cdata)):
		s.left, s.cut = s.cutAfter+len(cdata), cutCDATA
	case bytes.HasPrefix(head, []byte("<")):
		s.left, s.cut = maxTag, ""
	default:
		s.left, s.cut = s.cutAfter, cutText
	}
}

// ReadByte implements [io.ByteReader], by which the decoder reads.
func (s *source) ReadByte() (byte, error) {
	if s.left <= 0 && s.pending == "" {
		if s.cut == "" {
			return 0, &fault{code: clientFault, text: fmt.Sprintf("Markup is longer than %d bytes", maxTag)}
		}
		if s.mayCut() {
			s.pending = s.cut
		}
	}
	s.left--
	var err error
	if s.pending != "" {
		s.last, s.pending = s.pending[0], s.pending[1:]
	} else {
		s.last, err = s.r.ReadByte()
	}
	switch s.last {
	case '&':
		s.inReference = s.cut == cutText
	case ';':
		s.inReference = false
	}
	return s.last, err
}

// mayCut reports whether text may be cut before the next byte: not within a
// character, a reference, a line break of two bytes, or a section's end, which
// text must not hold either.
func (s *source) mayCut() bool {
	next, err := s.r.Peek(1)
	return err == nil && utf8.RuneStart(next[0]) && !s.inReference && s.last != '\r' && s.last != ']'
}

// Read implements [io.Reader], which the decoder asks for and does not call.
func (s *source) Read(p []byte) (int, error) { return s.r.Read(p) }
