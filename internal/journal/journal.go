// Package journal remembers which contents a server has acknowledged, so that a
// push that was stopped anywhere goes on where it was.
//
// A journal is a text file: a header, then one line per content, its key and
// the info hash. Lines are only appended, and only for what a server
// acknowledged. A line that a crash cut short is dropped on opening. Nothing is
// synced: a line that is lost costs asking the server once more, and a journal
// is only ever a hint of what to ask, never taken for the server's word.
//
// In memory a journal of a million contents takes 40 MB.
package journal

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
)

// header is the first line of a journal.
const header = "torrentcache journal 1\n"

// Key stands for a content at a place.
type Key [16]byte

// compare orders keys as bytes.Compare does, in a fraction of its time; a million
// of them are sorted at each start.
func (k Key) compare(other Key) int {
	be := binary.BigEndian
	if c := cmp.Compare(be.Uint64(k[:8]), be.Uint64(other[:8])); c != 0 {
		return c
	}
	return cmp.Compare(be.Uint64(k[8:]), be.Uint64(other[8:]))
}

// lineSize is the size of a line in bytes: key, space, 20-byte info hash, line feed.
const lineSize = 2*len(Key{}) + 1 + 2*infohash.SizeV1 + 1

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	known []entry // what stood in the file when it was opened, sorted by key; never changes
	file  *os.File
}

// entry has a v2 hash cut to 20 bytes, by which servers find the torrent too.
type entry struct {
	key Key
	id  [infohash.SizeV1]byte
}

// Open opens the journal of that path, and makes it if it is not there. A file that is
// no journal is an error, and stays as it is.
func Open(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: file}
	if err := j.load(); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return j, nil
}

// load reads the file, cuts off a line that is not whole, and begins a new file.
func (j *Journal) load() error {
	in := bufio.NewReaderSize(j.file, 1<<16)
	head := make([]byte, len(header))
	n, err := io.ReadFull(in, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && header[:n] == string(head[:n]) {
		return j.begin()
	}
	if err != nil || string(head) != header {
		return errors.New("this is no journal of torrentcache; name another file")
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	j.known = make([]entry, 0, info.Size()/int64(lineSize))
	whole, err := j.loadLines(in)
	if err != nil {
		return err
	}
	// Lines of one key name one content: which of them is found does not matter.
	slices.SortFunc(j.known, func(a, b entry) int { return a.key.compare(b.key) })
	return j.file.Truncate(int64(len(header)) + whole)
}

func (j *Journal) begin() error {
	if err := j.file.Truncate(0); err != nil {
		return err
	}
	_, err := j.file.WriteString(header)
	return err
}

// loadLines returns how many bytes of lines are whole. What follows the first
// bad line was written by nobody who had seen it whole, and goes.
func (j *Journal) loadLines(in io.Reader) (whole int64, err error) {
	line := make([]byte, lineSize)
	for {
		_, err := io.ReadFull(in, line)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return whole, nil
		}
		if err != nil {
			return 0, err
		}
		e, ok := parseLine(line)
		if !ok {
			return whole, nil
		}
		j.known = append(j.known, e)
		whole += int64(lineSize)
	}
}

func parseLine(line []byte) (e entry, ok bool) {
	keyEnd := 2 * len(e.key)
	if line[keyEnd] != ' ' || line[len(line)-1] != '\n' {
		return entry{}, false
	}
	_, keyErr := hex.Decode(e.key[:], line[:keyEnd])
	_, idErr := hex.Decode(e.id[:], line[keyEnd+1:len(line)-1])
	return e, keyErr == nil && idErr == nil
}

// Lookup returns the info hash under which the content was acknowledged, as of
// the opening of the journal; the zero ID if it was not.
func (j *Journal) Lookup(key Key) infohash.ID {
	at, found := slices.BinarySearchFunc(j.known, key, func(e entry, key Key) int { return e.key.compare(key) })
	if !found {
		return infohash.ID{}
	}
	return infohash.V1(j.known[at].id)
}

// Len returns how many lines the journal had when it was opened.
func (j *Journal) Len() int { return len(j.known) }

// Add notes that a server has acknowledged the content under id. The line is
// written at once and as a whole, so two processes may share a journal.
func (j *Journal) Add(key Key, id infohash.ID) error {
	var line [lineSize]byte
	hex.Encode(line[:], key[:])
	line[2*len(key)] = ' '
	copy(line[2*len(key)+1:], id.Short().String())
	line[lineSize-1] = '\n'
	_, err := j.file.Write(line[:])
	return err
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }
