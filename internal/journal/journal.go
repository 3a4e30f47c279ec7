// Package journal remembers which contents a server has acknowledged, so that a push,
// or a removal of many torrents, that was stopped anywhere continues where it was.
//
// A journal is a text file: a header, then one line per content, its key and
// the info hash. Lines are only appended, and only for what a server
// acknowledged. A line that a crash cut short is dropped on opening. Nothing is
// synced: a line that is lost costs asking the server once more, and a journal
// is only ever a hint of what to ask, never taken for the server's word.
//
// In memory a journal of a million contents takes 45 MB.
package journal

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/torrentcache/torrentcache/infohash"
)

// header is the first line of a journal.
const header = "torrentcache journal 1\n"

// Key stands for a content at a place, or for what is done to a torrent and why.
type Key [16]byte

// lineSize is the size of a line in bytes: key, space, 20-byte info hash, line feed.
const lineSize = 2*len(Key{}) + 1 + 2*infohash.SizeV1 + 1

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	known table // what stood in the file when it was opened; never changes
	file  *os.File
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
// What others who share the journal add meanwhile is neither read nor cut off.
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
	size := info.Size() - int64(len(header))
	j.known = newTable(size / int64(lineSize))
	whole, err := j.loadLines(io.LimitReader(in, size))
	if err != nil || whole == size {
		return err
	}
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
		j.known.add(e)
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
	e := j.known.find(key)
	if e == nil {
		return infohash.ID{}
	}
	return infohash.V1(e.id)
}

// Len returns how many lines the journal had when it was opened.
func (j *Journal) Len() int { return len(j.known.entries) }

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
