package source

import (
	"errors"
	"io"
)

// tarInput is the stream that a tar archive is read from. It tells whether the archive was
// whole: [archive/tar] takes the end of its input between two members, and in the padding
// behind the last one, for the end of the archive.
type tarInput struct {
	r     io.Reader
	read  int64 // bytes
	zeros int64 // how many of the last bytes are zero, but no more than were read at once and a block
}

// Read implements io.Reader.
func (in *tarInput) Read(b []byte) (int, error) {
	n, err := in.r.Read(b)
	zeros := int64(trailingZeros(b[:n]))
	if zeros == int64(n) {
		zeros += min(in.zeros, tarBlock)
	}
	in.read, in.zeros = in.read+int64(n), zeros
	return n, err
}

func trailingZeros(b []byte) int {
	n := 0
	for n < len(b) && b[len(b)-1-n] == 0 {
		n++
	}
	return n
}

// errCut says that an archive does not end as tar archives do.
var errCut = errors.New("it was cut short: a tar archive ends with blocks of zeros")

// checkEnd returns an error if the archive whose last member was gone through was cut. Two
// blocks of zeros end an archive (POSIX, pax, "ustar Interchange Format"). GNU tar reads those
// that have one or none, which some programs write, and so do we from files (in is nil); but in
// a stream the zeros alone tell that its writer got to the end.
func (in *tarInput) checkEnd() error {
	if in != nil && (in.read%tarBlock != 0 || in.zeros < tarBlock) {
		return errCut
	}
	return nil
}
