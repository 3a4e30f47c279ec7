package source

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// This file reads the directory of a zip archive one entry at a time. archive/zip keeps all entries
// in memory, 300 MB for a million, and push as a whole must stay below 200 MB. Numbers in comments
// are sections of PKWARE's APPNOTE.TXT 6.3.

// zipEntry is an entry of the directory (4.3.12).
type zipEntry struct {
	name           string
	method, flags  uint16
	crc            uint32
	compressedSize int64 // bytes
	size           int64 // bytes of the content
	offset         int64 // position of the local header in the file
}

var errNoZip = errors.New("damaged: the zip directory cannot be found")

const (
	zipEndSize     = 22 // 4.3.16, without its comment
	zipEnd64Size   = 56 // 4.3.14
	zipLocator64   = 20 // 4.3.15
	zipEntrySize   = 46 // 4.3.12, without name, extra field and comment
	zipLocalSize   = 30 // 4.3.7
	zipExtra64     = 1  // 4.5.3, id of the extra field with 64-bit sizes
	zipTakenFrom64 = 0xffffffff
	maxZipComment  = 1<<16 - 1
)

// entries yields the entries of a directory, or an error and nothing after it.
func (dir zipDirectory) entries(r io.ReaderAt) iter.Seq2[zipEntry, error] {
	return func(yield func(zipEntry, error) bool) {
		entries := bufio.NewReaderSize(io.NewSectionReader(r, dir.start, dir.size), 256<<10)
		for range dir.count {
			entry, err := readZipEntry(entries)
			entry.offset += dir.shift
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

// zipDirectory is the place of a directory in its file.
type zipDirectory struct {
	count       uint64
	start, size int64
	shift       int64 // bytes before the archive in its file
	end         int64 // where the archive ends
}

// zipDirectories returns the directories of the archives that follow one another in a file of that
// size. It returns them with an error if the file has other content, too.
func zipDirectories(r io.ReaderAt, size int64) (dirs []zipDirectory, err error) {
	for end := size; end > 0; end = dirs[len(dirs)-1].shift {
		dir, failed := findZipDirectory(r, end)
		if failed != nil && len(dirs) > 0 {
			failed = errors.New("the bytes before the zip archive are no zip archive")
		}
		if failed != nil {
			err = cmp.Or(err, failed)
			break
		}
		behind := bufio.NewReader(io.NewSectionReader(r, dir.end, end-dir.end))
		if _, failed := skipZeros(behind); failed == nil {
			err = errors.New("the bytes after the end of the zip archive are no zip archive")
		}
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs) // they were found from the end to the start
	return dirs, err
}

func findZipDirectory(r io.ReaderAt, size int64) (zipDirectory, error) {
	tail := make([]byte, min(size, zipEndSize+maxZipComment))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return zipDirectory{}, err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || len(tail)-at < zipEndSize {
		return zipDirectory{}, errNoZip
	}
	end, position := tail[at:], size-int64(len(tail))+int64(at)
	archiveEnd := min(size, position+zipEndSize+int64(binary.LittleEndian.Uint16(end[20:])))
	count := uint64(binary.LittleEndian.Uint16(end[10:]))
	dirSize := uint64(binary.LittleEndian.Uint32(end[12:]))
	offset := uint64(binary.LittleEndian.Uint32(end[16:]))
	if count == 1<<16-1 || dirSize == zipTakenFrom64 || offset == zipTakenFrom64 {
		end64, at64, err := findZipEnd64(r, position)
		if err != nil {
			return zipDirectory{}, err
		}
		if end64 != nil {
			position = at64
			count = binary.LittleEndian.Uint64(end64[32:])
			dirSize = binary.LittleEndian.Uint64(end64[40:])
			offset = binary.LittleEndian.Uint64(end64[48:])
		}
	}
	// The directory ends where its end record begins.
	if dirSize > uint64(position) || offset > uint64(position)-dirSize {
		return zipDirectory{}, errNoZip
	}
	start := position - int64(dirSize)
	return zipDirectory{count: count, start: start, size: int64(dirSize), shift: start - int64(offset), end: archiveEnd}, nil
}

// findZipEnd64 returns the 64-bit end record and its position; nil if there is none.
func findZipEnd64(r io.ReaderAt, end int64) ([]byte, int64, error) {
	locator := make([]byte, zipLocator64)
	if end < zipLocator64 {
		return nil, 0, nil
	}
	if _, err := r.ReadAt(locator, end-zipLocator64); err != nil {
		return nil, 0, err
	}
	if !bytes.HasPrefix(locator, []byte("PK\x06\x07")) {
		return nil, 0, nil
	}
	at := binary.LittleEndian.Uint64(locator[8:])
	if at > uint64(end) {
		return nil, 0, errNoZip
	}
	record := make([]byte, zipEnd64Size)
	if _, err := r.ReadAt(record, int64(at)); err != nil {
		return nil, 0, err
	}
	if !bytes.HasPrefix(record, []byte("PK\x06\x06")) {
		return nil, 0, errNoZip
	}
	return record, int64(at), nil
}

func readZipEntry(r io.Reader) (zipEntry, error) {
	var head [zipEntrySize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return zipEntry{}, err
	}
	if !bytes.HasPrefix(head[:], []byte("PK\x01\x02")) {
		return zipEntry{}, errors.New("damaged: an entry of the zip directory does not begin as one")
	}
	nameLen := int(binary.LittleEndian.Uint16(head[28:]))
	extraLen := int(binary.LittleEndian.Uint16(head[30:]))
	commentLen := int(binary.LittleEndian.Uint16(head[32:]))
	rest := make([]byte, nameLen+extraLen+commentLen)
	if _, err := io.ReadFull(r, rest); err != nil {
		return zipEntry{}, err
	}
	entry := zipEntry{
		name:           string(rest[:nameLen]),
		flags:          binary.LittleEndian.Uint16(head[8:]),
		method:         binary.LittleEndian.Uint16(head[10:]),
		crc:            binary.LittleEndian.Uint32(head[16:]),
		compressedSize: int64(binary.LittleEndian.Uint32(head[20:])),
		size:           int64(binary.LittleEndian.Uint32(head[24:])),
		offset:         int64(binary.LittleEndian.Uint32(head[42:])),
	}
	return entry, entry.takeFrom64(rest[nameLen : nameLen+extraLen])
}

// takeFrom64 sets the numbers that do not fit into 32 bits (4.5.3).
func (e *zipEntry) takeFrom64(extra []byte) error {
	field := findZipExtra(extra, zipExtra64)
	for _, number := range []*int64{&e.size, &e.compressedSize, &e.offset} {
		if *number != zipTakenFrom64 || field == nil {
			continue
		}
		if len(field) < 8 {
			return fmt.Errorf("damaged: the sizes of %q are cut short", e.name)
		}
		*number = int64(binary.LittleEndian.Uint64(field))
		field = field[8:]
		if *number < 0 {
			return fmt.Errorf("damaged: the sizes of %q are too large", e.name)
		}
	}
	return nil
}

// findZipExtra returns the extra field with the given id; nil if there is none.
func findZipExtra(extra []byte, id uint16) []byte {
	for len(extra) >= 4 {
		size := int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra)-4 {
			return nil
		}
		if binary.LittleEndian.Uint16(extra) == id {
			return extra[4 : 4+size]
		}
		extra = extra[4+size:]
	}
	return nil
}

// dataStart returns the position of the member's data. They follow the local header, whose name and
// extra field have lengths of their own.
func (e zipEntry) dataStart(r io.ReaderAt) (int64, error) {
	var local [zipLocalSize]byte
	if _, err := r.ReadAt(local[:], e.offset); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(local[:], []byte("PK\x03\x04")) {
		return 0, errors.New("damaged: the member does not begin as one")
	}
	skip := int64(binary.LittleEndian.Uint16(local[26:])) + int64(binary.LittleEndian.Uint16(local[28:]))
	return e.offset + zipLocalSize + skip, nil
}
