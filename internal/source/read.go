package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// readFile reads a file, but no more than limit + 1 bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, plain(err)
	}
	b, err := readUpTo(f, info.Size(), limit)
	return b, plain(err)
}

// readUpTo reads r to its end, but no more than limit + 1 bytes. Size is the expected size. A wrong
// size costs no more memory than limit.
func readUpTo(r io.Reader, size, limit int64) ([]byte, error) {
	// One byte more than expected, since a read that fills the buffer does not show the end.
	b := make([]byte, 0, max(0, min(size, limit))+1)
	for int64(len(b)) <= limit {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):min(int64(cap(b)), limit+1)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// plain returns an error without its path, which is shown beside the error anyway.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// fileAt reads the file of that path at any offset. It opens the file for each read, so that no
// file stays open until its members are loaded.
type fileAt string

func (path fileAt) ReadAt(b []byte, offset int64) (int, error) {
	f, err := os.Open(string(path))
	if err != nil {
		return 0, plain(err)
	}
	defer f.Close()
	return f.ReadAt(b, offset)
}
