package inflate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// How many bytes a decompressor may read before any output: flate outputs 32 KiB at a time,
// bzip2 a block of up to 900 kB, and a gzip header may hold a file name and a comment.
const (
	gzipSlack  = 128 << 10
	bzip2Slack = 2 << 20
)

// perByteOut is how many bytes may be read for each byte of output. Incompressible data grows by
// less than a hundredth in either format.
const perByteOut = 1.25

var errHollow = errors.New("the data is far larger than its content")

// meter stops data that makes a decompressor work without output: ten megabytes of empty gzip
// blocks take seconds. It is not safe for concurrent use.
type meter struct {
	in      io.Reader
	allowed int // bytes that may still be read
}

// cameOut permits the reads for n more bytes of output.
func (m *meter) cameOut(n int) { m.allowed += int(perByteOut * float64(n)) }

// Read implements [io.Reader].
func (m *meter) Read(p []byte) (int, error) {
	if m.allowed <= 0 {
		return 0, errHollow
	}
	n, err := m.in.Read(p[:min(len(p), m.allowed)])
	// Zeros alone, which may stand behind gzip, keep no decompressor busy: inside they become
	// output, or are an error.
	if len(bytes.TrimLeft(p[:n], "\x00")) > 0 {
		m.allowed -= n
	}
	return n, err
}

const (
	// leastOutput is the minimum memory of the output at first, in bytes, and
	// outputGrowth the factor by which it grows each time it is full.
	leastOutput  = 16 << 10
	outputGrowth = 16
)

// output is the output so far. Its memory grows with the output, whatever the data claims, up to
// one byte more than the limit.
type output struct {
	b     []byte
	limit int64  // bytes
	name  string // of the compression
}

// check returns [ErrTooLarge] if the output exceeds the limit.
func (o *output) check() error {
	if int64(len(o.b)) > o.limit {
		return fmt.Errorf("%w: more than %d bytes come out of the %s data", ErrTooLarge, o.limit, o.name)
	}
	return nil
}

// room returns the free memory after b, at least one byte, unless check fails.
func (o *output) room() ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(o.b) == cap(o.b) {
		larger := make([]byte, len(o.b), o.nextSize()+1)
		copy(larger, o.b)
		o.b = larger
	}
	return o.b[len(o.b):cap(o.b)], nil
}

// nextSize returns the least size above the present one of limit, limit/16, limit/256 and so on.
// So the sizes of all earlier buffers add up to at most limit/15.
func (o *output) nextSize() int64 {
	size := o.limit
	for size/outputGrowth >= max(int64(cap(o.b)), leastOutput) {
		size /= outputGrowth
	}
	return size
}
