// Package inflate decompresses uploaded torrents.
//
// It recognizes gzip (RFC 1952) and bzip2 by their first bytes and removes exactly one layer:
// the content is returned as it is, compressed again or not. Data with other first bytes is
// returned unchanged; no torrent begins like either format.
//
// Compressed data must be complete, because a part of a torrent is not a torrent. It is refused
// if it is cut short, damaged, or followed by anything other than further members of the same
// compression, whose contents are joined. Only zeros may follow gzip, as in gunzip.
package inflate

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Errors that [Inflate] wraps.
var (
	// ErrTooLarge means that more than the limit would come out.
	ErrTooLarge = errors.New("the compressed data is too large")
	// ErrCorrupt means that the compressed data is cut short, damaged or
	// followed by something else.
	ErrCorrupt = errors.New("the compressed data is damaged")
)

var (
	gzipMagic  = []byte{0x1f, 0x8b}
	bzip2Magic = []byte("BZh")
)

// IsCompressed reports whether b begins like gzip or bzip2.
func IsCompressed(b []byte) bool {
	return bytes.HasPrefix(b, gzipMagic) || bytes.HasPrefix(b, bzip2Magic)
}

// Inflate returns the content of b if b is gzip or bzip2, and otherwise b itself, of any length.
// More than limit bytes of content are [ErrTooLarge]; invalid compressed data is [ErrCorrupt].
// It is safe for concurrent use.
//
// It takes at most [Memory] at once, and less for less content, whatever the data claims. The
// content bounds its time as well: see [meter].
func Inflate(b []byte, limit int64) ([]byte, error) {
	m := &meter{in: bytes.NewReader(b)}
	switch {
	case bytes.HasPrefix(b, gzipMagic):
		m.allowed = gzipSlack
		r, err := NewGzip(bufio.NewReader(m))
		if err != nil {
			return nil, corrupt("gzip", err)
		}
		return readAll(r, m, &output{limit: limit, name: "gzip"})
	case bytes.HasPrefix(b, bzip2Magic):
		m.allowed = bzip2Slack
		return readAll(bzip2.NewReader(m), m, &output{limit: limit, name: "bzip2"})
	}
	return b, nil
}

// Memory returns the maximum memory of [Inflate] with this limit: the limit and a ninth of it,
// and 8 MB for two blocks of bzip2, the second of a later stream with larger blocks.
func Memory(limit int64) int64 { return limit + limit/9 + 8<<20 }

// readAll returns the output of r, which reads from m.
func readAll(r io.Reader, m *meter, out *output) ([]byte, error) {
	for {
		free, err := out.room()
		if err != nil {
			return nil, err
		}
		n, err := r.Read(free)
		out.b = out.b[:len(out.b)+n]
		m.cameOut(n)
		switch {
		case err == io.EOF && int64(len(out.b)) <= out.limit:
			return out.b, nil
		case err == io.EOF:
			return nil, out.check()
		case err != nil:
			return nil, corrupt(out.name, err)
		}
	}
}

// bzip2Continuation is the decompressor's error for bytes after its end.
const bzip2Continuation = bzip2.StructuralError("bad magic value in continuation file")

// corrupt converts an error of a decompressor.
func corrupt(name string, err error) error {
	if err == bzip2Continuation {
		err = errJunk
	}
	text := strings.TrimPrefix(err.Error(), "gzip: ")
	if damage, ok := errors.AsType[bzip2.StructuralError](err); ok {
		text = string(damage)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		text = "it is cut short"
	}
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, name, text)
}
