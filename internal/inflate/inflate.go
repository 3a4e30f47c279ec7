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
// no torrent.
package inflate

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
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
// It never holds more than twice the limit and 4 MB for bzip2's tables, and
// grows with what came out, whatever the data claims. Its time is bounded by
// what comes out as well: see [meter].
func Inflate(b []byte, limit int64) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, gzipMagic):
		m := &meter{in: bytes.NewReader(b), allowed: gzipSlack}
		r, err := gzip.NewReader(m)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %v", ErrCorrupt, err)
		}
		return readAll("gzip", r, m, limit)
	case bytes.HasPrefix(b, bzip2Magic):
		m := &meter{in: bytes.NewReader(b), allowed: bzip2Slack}
		return readAll("bzip2", bzip2.NewReader(m), m, limit)
	}
	return b, nil
}

// readAll reads to the end of r, growing its buffer with what came out rather
// than with what the data claims.
func readAll(name string, r io.Reader, m *meter, limit int64) ([]byte, error) {
	const start = 64 << 10
	out := make([]byte, 0, min(start, limit)+1) // one more, to see what is too large
	for {
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		m.cameOut(n)
		if int64(len(out)) > limit {
			return nil, fmt.Errorf("%w: more than %d bytes come out of the %s data", ErrTooLarge, limit, name)
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %v", ErrCorrupt, name, err)
		}
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(2*int64(cap(out)), limit)+1)
			copy(grown, out)
			out = grown
		}
	}
}
