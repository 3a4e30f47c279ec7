package inflate

import (
	"bytes"
	"errors"
)

// What a decompressor may read before anything has come out, in bytes: flate
// hands over 32 KiB at a time, bzip2 a block of up to 900 kB, and a gzip header
// may hold a file name and a comment.
const (
	gzipSlack  = 128 << 10
	bzip2Slack = 2 << 20
)

// perByteOut is how many bytes may go in for each that came out. Data that does
// not compress grows by less than a hundredth in either format.
const perByteOut = 1.25

var errHollow = errors.New("far more goes in than comes out")

// meter stops data that keeps a decompressor busy and gives nothing: ten
// megabytes of empty gzip blocks take it seconds. Only one goroutine uses it.
type meter struct {
	all     []byte
	in      *bytes.Reader // of all
	allowed int           // bytes that may still be read
}

// cameOut allows what n more bytes of output are worth.
func (m *meter) cameOut(n int) { m.allowed += int(perByteOut * float64(n)) }

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.allowed <= 0 {
		return 0, errHollow
	}
	n, err := m.in.Read(p[:min(len(p), m.allowed)])
	m.allowed -= n
	return n, err
}

// ReadByte implements io.ByteReader, which compress/flate reads by.
func (m *meter) ReadByte() (byte, error) {
	if m.allowed <= 0 {
		return 0, errHollow
	}
	m.allowed--
	return m.in.ReadByte()
}

// rest returns what has not been read.
func (m *meter) rest() []byte {
	return m.all[len(m.all)-m.in.Len():]
}
