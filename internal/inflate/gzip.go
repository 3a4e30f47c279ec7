package inflate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// Gzip reads the content of consecutive gzip members (RFC 1952). Like gunzip it ignores zeros
// after the last one, which programs that write in blocks leave. Any other trailing data is an
// error. It is not safe for concurrent use.
type Gzip struct {
	member gzip.Reader
	in     *bufio.Reader
}

// NewGzip returns a Gzip that reads in to its end. The error says why in does not begin like
// gzip.
func NewGzip(in *bufio.Reader) (*Gzip, error) {
	g := &Gzip{in: in}
	return g, g.begin()
}

// begin reads the head of a member.
func (g *Gzip) begin() error {
	if err := g.member.Reset(g.in); err != nil {
		return err
	}
	g.member.Multistream(false)
	return nil
}

// Read implements [io.Reader].
func (g *Gzip) Read(p []byte) (int, error) {
	n, err := g.member.Read(p)
	if err == io.EOF {
		err = g.next()
	}
	return n, err
}

var errJunk = errors.New("gzip: something else follows its end")

// next begins the next member; io.EOF if there is none. The decompressor uses ReadByte, so it
// does not read past a member's end.
func (g *Gzip) next() error {
	head, err := g.in.Peek(len(gzipMagic))
	if len(head) > 0 && bytes.HasPrefix(gzipMagic, head) && (err == nil || err == io.EOF) {
		return g.begin()
	}
	for {
		switch b, err := g.in.ReadByte(); {
		case err != nil:
			return err
		case b != 0:
			return errJunk
		}
	}
}
