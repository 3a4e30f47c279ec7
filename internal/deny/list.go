package deny

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/torrentcache/torrentcache/infohash"
)

// Bounds of a file.
const (
	// MaxLine is the longest line, in bytes.
	MaxLine = 64 << 10
	// MaxLines is how many lines a file may have: as many hashes take 250 MB.
	MaxLines = 10_000_000
)

// list is the content of a file. It never changes.
type list struct {
	name    string
	ids     *table // nil if there are none
	digests *table // nil if there are none
	is      stamp  // of the file when it was read
}

// stamp tells one content of a file from another.
type stamp struct{ info os.FileInfo }

// same reports whether both are of the same file with the same content, judging by size, time
// and mode. The mode counts because a file that could not be opened may become readable.
func (s stamp) same(other stamp) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime()) &&
		s.info.Mode() == other.info.Mode() && os.SameFile(s.info, other.info)
}

// stampOf returns the stamp of a file, the zero one if there is none.
func stampOf(name string) stamp {
	info, err := os.Stat(name)
	if err != nil {
		return stamp{}
	}
	return stamp{info}
}

// read reads a file, all or nothing. The error names the file and the line.
func read(name string) (*list, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: want a file, which can be read again", name)
	}
	l := &list{name: name, is: stamp{before}}
	if err := l.readLines(file, before.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	after, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !l.is.same(stamp{after}) {
		return nil, fmt.Errorf("%s: it changed while it was read; move a finished file into its place", name)
	}
	for _, t := range []*table{l.ids, l.digests} {
		if t != nil {
			t.trim()
		}
	}
	return l, nil
}

// readLines reads a file of that size, in bytes.
func (l *list) readLines(file io.Reader, size int64) error {
	lines := bufio.NewReaderSize(file, MaxLine)
	for n := uint32(1); ; n++ {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d: it has more than %d bytes: got %s", n, MaxLine, quote(line))
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case n > MaxLines && len(line) > 0:
			return fmt.Errorf("it has more than %d lines", MaxLines)
		}
		names, bad := parseLine(line)
		if bad != nil {
			return fmt.Errorf("line %d: %w", n, bad)
		}
		l.add(names, n, size)
		if err != nil {
			return nil
		}
	}
}

// The shortest usual lines, in bytes: hashes and digests in hex with their line feed. A file
// with shorter lines makes the tables grow.
const (
	hashLine   = 2*infohash.SizeV1 + 1
	digestLine = 2 + 64 + 1
)

// add adds the names of a line in a file of that size.
func (l *list) add(names named, line uint32, size int64) {
	if names.digest != nil {
		if l.digests == nil {
			l.digests = newTable(int(min(size/digestLine, MaxLines)))
		}
		l.digests.add(names.digest[:], line)
	}
	for _, id := range [...]infohash.ID{names.ids.V1, names.ids.V2} {
		if id.IsZero() {
			continue
		}
		if l.ids == nil {
			l.ids = newTable(int(min(size/hashLine, MaxLines)))
		}
		var b [infohash.SizeV2]byte
		l.ids.add(id.AppendTo(b[:0]), line)
	}
}

// len returns how many hashes and digests the list has.
func (l *list) len() int {
	n := 0
	for _, t := range []*table{l.ids, l.digests} {
		if t != nil {
			n += t.used
		}
	}
	return n
}

// find returns the line that names an id.
func (l *list) find(id infohash.ID) (line uint32, ok bool) {
	if l.ids != nil {
		var b [infohash.SizeV2]byte
		if line, ok = l.ids.find(id.AppendTo(b[:0])); ok {
			return line, true
		}
	}
	if l.digests == nil {
		return 0, false
	}
	digest := digestOf(id)
	if line, ok = l.digests.find(digest[:]); !ok && id.Size() == infohash.SizeV2 {
		digest = digestOf(id.Short())
		line, ok = l.digests.find(digest[:])
	}
	return line, ok
}
