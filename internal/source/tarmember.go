package source

import (
	"archive/tar"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
)

// Types of entries that only GNU tar writes.
const (
	gnuDumpDir     = 'D' // the names in a folder, in an incremental backup
	gnuMultiVolume = 'M' // the rest of a member that began in another file
	gnuVolume      = 'V' // a name for the archive
)

// entry processes one entry of the archive.
func (a *tarWalk) entry(header *tar.Header) {
	switch header.Typeflag {
	case tar.TypeDir, tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeXGlobalHeader, gnuDumpDir, gnuVolume:
		// No file.
	case tar.TypeLink, tar.TypeSymlink:
		a.link(header)
	case gnuMultiVolume:
		a.Problem(a.name(header), errors.New("it is the rest of a member whose beginning is in another volume"))
	default: // files, sparse files, and unknown types, which POSIX says to treat as files
		a.member(header)
	}
}

// name returns the name of a member for people.
func (a *tarWalk) name(header *tar.Header) string {
	if a.path == "" {
		return header.Name
	}
	return a.path + ": " + header.Name
}

// link reports a link whose target is not read from the archive. Any other target is a member, and
// is walked as one.
func (a *tarWalk) link(header *tar.Header) {
	if isLitterPath(header.Name) || !a.every && !isTorrentName(header.Name) {
		return
	}
	target := header.Linkname
	if header.Typeflag == tar.TypeSymlink && !path.IsAbs(target) {
		target = path.Join(path.Dir(header.Name), target)
	}
	target = path.Clean(target)
	outside := header.Typeflag == tar.TypeSymlink && (path.IsAbs(target) || target == ".." || strings.HasPrefix(target, "../"))
	if outside || !a.every && isLitterPath(target) {
		a.Problem(a.name(header), errors.New("it is a link to "+strconv.Quote(header.Linkname)+", whose content is not taken from the archive"))
	}
}

func (a *tarWalk) member(header *tar.Header) {
	file := File{Name: a.name(header), Size: header.Size}
	if a.info != nil {
		file.Key = a.keys.of(a.path, a.info, strconv.Itoa(a.index)+"\x00"+header.Name)
	}
	switch familiar := isTorrentName(header.Name); {
	case a.every:
		a.emitNow(file, true)
	case isLitterPath(header.Name):
		a.Skipped(file.Name)
	case isArchiveName(header.Name):
		a.Problem(file.Name, errNested)
	case familiar && a.plain != nil && !isSparse(header):
		a.emitLater(file)
	default:
		a.emitNow(file, familiar)
	}
}

// errNested tells the user to unpack an archive that is inside another one.
var errNested = errors.New("an archive inside an archive is not opened: unpack it first")

// emitLater yields a member whose content is read from the file when it is loaded.
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

// emitNow reads a member in passing. It yields the member if its name or its content is that of a
// torrent.
func (a *tarWalk) emitNow(file File, familiar bool) {
	b, err := readUpTo(a.reader, file.Size, a.MaxSize)
	if err != nil {
		file.Load = func() ([]byte, error) { return nil, err }
		a.emit(file)
		return
	}
	file.Content = b
	file.Load = func() ([]byte, error) { return b, nil }
	if familiar {
		a.emit(file)
		return
	}
	a.unfamiliarMember(file, b)
}

// isSparse reports whether a member's content is not stored in one piece.
func isSparse(header *tar.Header) bool {
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return header.Typeflag == tar.TypeGNUSparse
}
