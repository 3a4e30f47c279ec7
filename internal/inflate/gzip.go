package inflate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
)

// gzipMembers reads gzip members one behind the other. Zeros behind the last one do not
// matter, as they do not to gunzip: programs that write in blocks leave them there.
type gzipMembers struct {
	member *gzip.Reader
	in     *meter
}

func newGzipMembers(in *meter) (*gzipMembers, error) {
	member, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return &gzipMembers{member, in}, nil
}

var errJunk = errors.New("something else follows its end")

// Read implements io.Reader.
func (g *gzipMembers) Read(p []byte) (int, error) {
	n, err := g.member.Read(p)
	if err != io.EOF {
		return n, err
	}
	// The decompressor reads by ReadByte, and so no further than to the member's end.
	rest := g.in.rest()
	switch {
	case len(bytes.TrimLeft(rest, "\x00")) == 0:
		return n, io.EOF
	case !isGzipHead(rest):
		return n, errJunk
	}
	if err := g.member.Reset(g.in); err != nil {
		return n, err
	}
	g.member.Multistream(false)
	return n, nil
}

// isGzipHead reports whether b begins as a member does, as far as it goes.
func isGzipHead(b []byte) bool {
	n := min(len(b), len(gzipMagic))
	return bytes.Equal(b[:n], gzipMagic[:n])
}
