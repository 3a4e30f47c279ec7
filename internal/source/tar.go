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

// Tar yields every member with content of the tar archive that r reads, plain or
// compressed, and of those that follow it there, whatever their names. What cannot be
// read goes to o.Problem: under the member's name, or under no name if nothing behind
// it can be read either. Files have no keys.
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

// tar walks a tar archive. In a plain one members are read when they are loaded;
// in a compressed one they have to be read in passing.
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
		// Without the buffer: the place of a member is where the file stands then.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			w.Problem(path, plain(err))
			return
		}
		archive.plain = f
	}
	archive.archives()
}

// tarWalk is the walk of one tar archive, and of those that follow it in its file.
type tarWalk struct {
	*walk
	path    string        // empty if the archive is a stream
	info    fs.FileInfo   // nil if it is one
	every   bool          // members of every name are wanted
	plain   *os.File      // the archive, nil unless it is a plain file
	content *bufio.Reader // what the archive is decompressed to, nil if it is a plain file
	input   *tarInput     // reads content if the archive is a stream, else nil
	reader  *tar.Reader
	index   int    // of the next member
	tell    func() // is called when a member has been gone through
}

// archives walks archives one behind the other: `cat` makes such of several.
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

// another looks at what follows the end of an archive: zeros, which do not matter, and
// then nothing, or another archive.
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
		return false, errors.New("what follows the end of the archive is no tar archive")
	}
	if a.plain == nil {
		return true, nil
	}
	_, err = a.plain.Seek(start+zeros, io.SeekStart)
	return true, err
}

// counter reads a file and tells how far it stands.
type counter struct {
	file     *os.File
	consumed func(int64)
	told     int64
}

func (c *counter) Read(b []byte) (int, error) { return c.file.Read(b) }

// tell tells what was gone through since the last time.
func (c *counter) tell() {
	if at, err := c.file.Seek(0, io.SeekCurrent); err == nil && at > c.told {
		c.consumed(at - c.told)
		c.told = at
	}
}

// teller reads and tells how much.
type teller struct {
	r        io.Reader
	consumed func(int64)
}

func (t teller) Read(b []byte) (int, error) {
	n, err := t.r.Read(b)
	t.consumed(int64(n))
	return n, err
}
