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
// It never allocates more than [Memory]; less if less comes out, whatever the data
// claims. Its time is bounded by what comes out as well: see [meter].
func Inflate(b []byte, limit int64) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, gzipMagic):
		return gunzip(b, &output{limit: limit, name: "gzip"})
	case bytes.HasPrefix(b, bzip2Magic):
		return bunzip2(b, &output{limit: limit, name: "bzip2"})
	}
	return b, nil
}

// Memory returns how many bytes [Inflate] allocates at most with this limit: that
// and a ninth of it, and 4 MB for bzip2's blocks.
func Memory(limit int64) int64 { return limit + limit/9 + 4<<20 }

// gunzip decodes the members in b, one after the other, within out's limit.
func gunzip(b []byte, out *output) ([]byte, error) {
	m := &meter{in: bytes.NewReader(b), allowed: gzipSlack}
	r, err := gzip.NewReader(m)
	for err == nil {
		var free []byte
		if free, err = out.room(); err != nil {
			return nil, err
		}
		var n int
		n, err = r.Read(free)
		out.b = out.b[:len(out.b)+n]
		m.cameOut(n)
	}
	if err != io.EOF {
		return nil, fmt.Errorf("%w: gzip: %v", ErrCorrupt, err)
	}
	if err := out.check(); err != nil {
		return nil, err
	}
	return out.b, nil
}
