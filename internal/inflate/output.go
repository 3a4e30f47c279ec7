package inflate

import "fmt"

const (
	// firstOutput is how much memory the output gets to begin with, in bytes, and
	// outputGrowth by how much that grows each time it is full.
	firstOutput  = 64 << 10
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
		larger := make([]byte, len(o.b), min(max(firstOutput, outputGrowth*int64(cap(o.b))), o.limit)+1)
		copy(larger, o.b)
		o.b = larger
	}
	return o.b[len(o.b):cap(o.b)], nil
}

// repeat appends c n times.
func (o *output) repeat(c byte, n int) error {
	for range n {
		if len(o.b) == cap(o.b) {
			if _, err := o.room(); err != nil {
				return err
			}
		}
		o.b = append(o.b, c)
	}
	return nil
}
