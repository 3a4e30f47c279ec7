package source

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

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
	archive := tarWalk{walk: w, path: path, info: info, position: position}
	if compressed {
		archive.reader = tar.NewReader(content)
	} else {
		// Without the buffer: the place of a member is where the file stands then.
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			w.Problem(path, plain(err))
			return
		}
		archive.reader, archive.plain = tar.NewReader(f), f
	}
	archive.members()
}

// tarWalk is the walk of one tar archive.
type tarWalk struct {
	*walk
	path     string
	info     fs.FileInfo
	reader   *tar.Reader
	plain    *os.File // nil if the archive is compressed
	position *counter
}

func (a *tarWalk) members() {
	for index := 0; !a.over(); index++ {
		header, err := a.reader.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			a.Problem(a.path, fmt.Errorf("cannot be read beyond member %d: %w", index, plain(err)))
			return
		}
		if header.Typeflag == tar.TypeReg {
			a.member(index, header)
		}
		a.position.tell()
	}
}

func (a *tarWalk) member(index int, header *tar.Header) {
	name := a.path + ": " + header.Name
	file := File{
		Name: name,
		Key:  a.keys.of(a.path, a.info, strconv.Itoa(index)+"\x00"+header.Name),
		Size: header.Size,
	}
	switch familiar := isTorrentName(header.Name); {
	case isLitterPath(header.Name):
		a.Skipped(name)
	case isArchiveName(header.Name):
		a.Problem(name, errNested)
	case familiar && a.plain != nil && !isSparse(header):
		a.emitLater(file)
	default:
		a.emitNow(file, familiar)
	}
}

// errNested says what to do about an archive in an archive.
var errNested = errors.New("an archive inside an archive is not opened: unpack it first")

// emitLater yields a member that is read from its place when it is loaded.
func (a *tarWalk) emitLater(file File) {
	start, err := a.plain.Seek(0, io.SeekCurrent)
	if err != nil {
		a.Problem(file.Name, plain(err))
		return
	}
	at := io.NewSectionReader(fileAt(a.path), start, file.Size)
	file.Load = func() ([]byte, error) {
		b, err := readUpTo(io.NewSectionReader(at, 0, file.Size), file.Size, a.MaxSize)
		if err == nil && int64(len(b)) < min(file.Size, a.MaxSize) {
			return nil, io.ErrUnexpectedEOF
		}
		return b, err
	}
	a.emit(file)
}

// emitNow reads a member in passing and yields it, unless neither its name nor
// its content is that of a torrent.
func (a *tarWalk) emitNow(file File, familiar bool) {
	b, err := readUpTo(a.reader, file.Size, a.MaxSize)
	switch {
	case err != nil:
		file.Load = func() ([]byte, error) { return nil, err }
	case !familiar && !mayBeTorrent(b):
		a.Skipped(file.Name)
		return
	default:
		file.Content = b
		file.Load = func() ([]byte, error) { return b, nil }
	}
	a.emit(file)
}

// isSparse reports whether a member's content does not stand in one piece.
func isSparse(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return header.Typeflag == tar.TypeGNUSparse
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
