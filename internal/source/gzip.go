package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

var gzipMagic = []byte{0x1f, 0x8b}

var errJunk = errors.New("something else follows the end of the gzip data")

// gzipMembers reads gzip members one behind the other. Zeros behind the last one, which
// programs that write in blocks leave there, do not matter.
type gzipMembers struct {
	member *gzip.Reader
	in     *bufio.Reader
}

func openGzip(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	member, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return io.NopCloser(&gzipMembers{member, in}), nil
}

// Read implements io.Reader.
func (g *gzipMembers) Read(p []byte) (int, error) {
	n, err := g.member.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	head, err := g.in.Peek(len(gzipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return n, err
	}
	if !bytes.Equal(head, gzipMagic) {
		return n, g.end()
	}
	if err := g.member.Reset(g.in); err != nil {
		return n, err
	}
	g.member.Multistream(false)
	return n, nil
}

// end returns io.EOF if only zeros follow.
func (g *gzipMembers) end() error {
	if _, err := skipZeros(g.in); err != nil {
		return err
	}
	return errJunk
}

// skipZeros reads the zeros that r begins with and returns how many there are. If there
// is nothing else, the error is io.EOF.
func skipZeros(r *bufio.Reader) (n int64, err error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return n, err
		}
		if b != 0 {
			return n, r.UnreadByte()
		}
		n++
	}
}
