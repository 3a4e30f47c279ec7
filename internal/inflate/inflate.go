// Package inflate undoes the compression that uploaded torrents may come in.
//
// It knows gzip (RFC 1952) and bzip2 by their first bytes and undoes exactly
// one layer: what is inside is returned as it stands, compressed again or not.
// Data whose first bytes are neither is returned unchanged; no torrent begins
// like them.
//
// Compressed data must be whole. If it is cut short, damaged, or followed by
// anything that is not another member of the same compression (both formats
// allow several, which are joined), it is refused, because part of a torrent is
// no torrent. Only zeros may follow gzip, as gunzip has it too.
package inflate

import (
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

// Inflate returns what b holds if it is gzip or bzip2, and otherwise b itself,
// of any length. More than limit bytes coming out is [ErrTooLarge]; anything
// wrong with the compressed data is [ErrCorrupt]. It is safe for concurrent use.
//
// It holds at most [Memory] at once, and less if less comes out, whatever the data
// claims. Its time is bounded by what comes out as well: see [meter].
func Inflate(b []byte, limit int64) ([]byte, error) {
	m := &meter{all: b, in: bytes.NewReader(b)}
	switch {
	case bytes.HasPrefix(b, gzipMagic):
		m.allowed = gzipSlack
		r, err := newGzipMembers(m)
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

// Memory returns how many bytes [Inflate] holds at most with this limit: that and
// a ninth of it, and 8 MB for two blocks of bzip2, of which the second is a later
// stream's that needs larger ones than the first.
func Memory(limit int64) int64 { return limit + limit/9 + 8<<20 }

// readAll returns what r makes of all that m gives it.
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

// bzip2Continuation is what the decompressor says of bytes behind its end.
const bzip2Continuation = bzip2.StructuralError("bad magic value in continuation file")

// corrupt makes an error of what a decompressor complains about.
func corrupt(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), name+": ")
	if damage, ok := errors.AsType[bzip2.StructuralError](err); ok {
		if text = string(damage); damage == bzip2Continuation {
			text = errJunk.Error()
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		text = "it is cut short"
	}
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, name, text)
}
