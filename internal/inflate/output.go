package inflate

import "fmt"

const (
	// leastOutput is how much memory the output gets to begin with at least, in
	// bytes, and outputGrowth by how much that grows each time it is full.
	leastOutput  = 16 << 10
	outputGrowth = 16
)

// output is what came out so far. Its memory grows with that, whatever the data
// claims, and never beyond the limit and one byte.
type output struct {
	b     []byte
	limit int64  // bytes
	name  string // of the compression
}

// check returns [ErrTooLarge] if more than the limit came out.
func (o *output) check() error {
	if int64(len(o.b)) > o.limit {
		return fmt.Errorf("%w: more than %d bytes come out of the %s data", ErrTooLarge, o.limit, o.name)
	}
	return nil
}

// room returns the free memory behind b, at least a byte of it, unless check fails.
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

// nextSize returns the least size above the present one of limit, limit/16,
// limit/256 and so on. So all that the output ever had is at most limit/15 more
// than the limit.
func (o *output) nextSize() int64 {
	size := o.limit
	for size/outputGrowth >= max(int64(cap(o.b)), leastOutput) {
		size /= outputGrowth
	}
	return size
}
