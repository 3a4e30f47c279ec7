package source

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
)

// Tar yields every member with content, under any name, of the tar archive in r, plain or
// compressed, and of the archives that follow it in r. It calls o.Problem for a member that it
// cannot read, with the member's name, or with no name if nothing behind it can be read either.
// Files have no keys.
func Tar(ctx context.Context, r io.Reader, o Options) iter.Seq[File] {
	return func(yield func(File) bool) {
		w := newWalk(ctx, o, yield)
		content, _, err := decompress(teller{r, w.Consumed})
		if err != nil {
			w.Problem("", fmt.Errorf("cannot be decompressed: %w", err))
			return
		}
		defer content.Close()
		a := tarWalk{walk: w, every: true, content: bufio.NewReader(content), tell: func() {}}
		a.input = &tarInput{r: a.content}
		if _, err := a.content.Peek(1); errors.Is(err, io.EOF) {
			w.Problem("", errors.New("is empty"))
			return
		}
		a.archives()
	}
}

// tar walks a tar archive. Members of a plain archive are read when they are loaded; members of a
// compressed one must be read in passing.
func (w *walk) tar(f *os.File, path string, info fs.FileInfo) {
	position := &counter{file: f, consumed: w.Consumed}
	defer func() { w.Consumed(info.Size() - position.told) }()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		w.Problem(path, plain(err))
		return
	}
	content, compressed, err := decompress(position)
	if err != nil {
		w.Problem(path, fmt.Errorf("cannot be decompressed: %w", err))
		return
	}
	defer content.Close()
	archive := tarWalk{walk: w, path: path, info: info, tell: position.tell}
	if compressed {
		archive.content = bufio.NewReader(content)
	} else {
		// No buffer: the offset of the file must be the position of the member.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			w.Problem(path, plain(err))
			return
		}
		archive.plain = f
	}
	archive.archives()
}

// tarWalk is the walk of one tar archive and of those that follow it in its file.
type tarWalk struct {
	*walk
	path    string        // empty if the archive is a stream
	info    fs.FileInfo   // nil if the archive is a stream
	every   bool          // members of any name are yielded
	plain   *os.File      // the archive, nil unless it is a plain file
	content *bufio.Reader // the decompressed archive; nil if it is a plain file
	input   *tarInput     // reads content if the archive is a stream; else nil
	reader  *tar.Reader
	index   int    // of the next member
	tell    func() // called after each member
}

// archives walks archives that follow one another, as `cat` joins them.
func (a *tarWalk) archives() {
	for more := true; more && !a.over(); {
		switch {
		case a.plain != nil:
			a.reader = tar.NewReader(a.plain)
		case a.input != nil:
			a.reader = tar.NewReader(a.input)
		default:
			a.reader = tar.NewReader(a.content)
		}
		err := a.members()
		if err == nil {
			more, err = a.another()
		}
		if a.index == 0 && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)) {
			a.Problem(a.path, errors.New("is no tar archive, or its beginning is damaged"))
			return
		}
		if err != nil {
			a.Problem(a.path, fmt.Errorf("cannot be read beyond member %d: %w", a.index, plain(err)))
			return
		}
		a.tell()
	}
}

// members walks the members of one archive.
func (a *tarWalk) members() error {
	for ; !a.over(); a.index++ {
		header, err := a.reader.Next()
		if errors.Is(err, io.EOF) {
			return a.input.checkEnd()
		}
		if err != nil {
			return err
		}
		a.entry(header)
		a.tell()
	}
	return nil
}

// another reports whether another archive follows the end of this one. Zeros in between do not
// matter; anything else is an error.
func (a *tarWalk) another() (bool, error) {
	rest, start := a.content, int64(0)
	if a.plain != nil {
		var err error
		if start, err = a.plain.Seek(0, io.SeekCurrent); err != nil {
			return false, err
		}
		rest = bufio.NewReaderSize(a.plain, 64<<10)
	}
	zeros, err := skipZeros(rest)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	head, err := rest.Peek(tarBlock)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if len(head) < tarBlock || !isTarHeader(head) {
		return false, errors.New("the bytes after the end of the archive are no tar archive")
	}
	if a.plain == nil {
		return true, nil
	}
	_, err = a.plain.Seek(start+zeros, io.SeekStart)
	return true, err
}

// counter reads a file and reports how far it has read.
type counter struct {
	file     *os.File
	consumed func(int64)
	told     int64
}

func (c *counter) Read(b []byte) (int, error) { return c.file.Read(b) }

// tell reports the bytes read since the last call.
func (c *counter) tell() {
	if at, err := c.file.Seek(0, io.SeekCurrent); err == nil && at > c.told {
		c.consumed(at - c.told)
		c.told = at
	}
}

// teller reads r and reports how many bytes it read.
type teller struct {
	r        io.Reader
	consumed func(int64)
}

func (t teller) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	t.consumed(int64(n))
	return n, err
}

// tarInput is the stream from which a tar archive is read. It knows whether the archive was whole.
// [archive/tar] does not: it takes the end of its input for the end of the archive if that comes
// between two members or in the padding after the last one.
type tarInput struct {
	r     io.Reader
	read  int64 // bytes read
	zeros int64 // zero bytes at the end, at most those of the last read and one block
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

// errCut says that the end of a tar archive is missing.
var errCut = errors.New("it was cut short: a tar archive ends with blocks of zeros")

// checkEnd returns an error if the archive was cut after its last member. Two blocks of zeros end
// an archive (POSIX, pax, "ustar Interchange Format"). Some programs write one block or none, and
// GNU tar reads their archives. From files (in is nil) this package reads them too. In a stream,
// only the zeros show that its writer got to the end, so at least one block is required.
func (in *tarInput) checkEnd() error {
	if in != nil && (in.read%tarBlock != 0 || in.zeros < tarBlock) {
		return errCut
	}
	return nil
}

// skipZeros reads the zeros at the start of r and returns how many there are. If nothing else
// follows, the error is io.EOF.
func skipZeros(r *bufio.Reader) (n int64, err error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return n, err
		}
		if b != 0 {
			return n, r.UnreadByte()
		}
		n++
	}
}
