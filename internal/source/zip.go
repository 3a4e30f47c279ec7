package source

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// zip walks a zip archive and any others before it in its file. Members are read when they are
// loaded.
func (w *walk) zip(f *os.File, path string, info fs.FileInfo) {
	defer w.Consumed(info.Size())
	dirs, err := zipDirectories(f, info.Size())
	index := 0
	for _, dir := range dirs {
		for member, err := range dir.entries(f) {
			if err != nil {
				w.Problem(path, fmt.Errorf("cannot be read beyond member %d: %w", index, plain(err)))
				break
			}
			if w.over() {
				return
			}
			w.zipMember(path, info, index, member)
			index++
		}
	}
	if err != nil {
		w.Problem(path, plain(err))
	}
}

func (w *walk) zipMember(path string, info fs.FileInfo, index int, m zipEntry) {
	name := path + ": " + m.name
	file := File{
		Name: name,
		Key:  w.keys.of(path, info, strconv.Itoa(index)+"\x00"+m.name),
		Size: m.size,
		Load: func() ([]byte, error) { return m.read(fileAt(path), w.MaxSize) },
	}
	switch {
	case strings.HasSuffix(m.name, "/"):
		// A folder.
	case isLitterPath(m.name):
		w.Skipped(name)
	case isArchiveName(m.name):
		w.Problem(name, errNested)
	case isTorrentName(m.name):
		w.emit(file)
	default:
		content, err := file.Load()
		if err != nil {
			w.emit(file) // loading it returns the error
			return
		}
		w.unfamiliarMember(file, content)
	}
}

// Compression methods and flags of zip members (APPNOTE 4.4.4, 4.4.5).
const (
	zipStored    = 0
	zipDeflated  = 8
	zipEncrypted = 1 << 0
)

// read returns the member's content, but no more than limit + 1 bytes.
func (m zipEntry) read(r io.ReaderAt, limit int64) ([]byte, error) {
	if m.flags&zipEncrypted != 0 {
		return nil, errors.New("encrypted")
	}
	start, err := m.dataStart(r)
	if err != nil {
		return nil, err
	}
	var content io.Reader = io.NewSectionReader(r, start, m.compressedSize)
	switch m.method {
	case zipStored:
	case zipDeflated:
		// A member of usual size takes one read of the file.
		content = flate.NewReader(bufio.NewReaderSize(content, int(min(m.compressedSize, 64<<10))))
	default:
		return nil, fmt.Errorf("compressed by the unknown method %d", m.method)
	}
	b, err := readUpTo(content, m.size, limit)
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if int64(len(b)) <= limit && (int64(len(b)) != m.size || crc32.ChecksumIEEE(b) != m.crc) {
		return nil, errors.New("damaged: its checksum does not fit")
	}
	return b, nil
}
