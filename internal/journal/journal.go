// Package journal records the contents that a server has acknowledged, so that an interrupted
// push, or removal of many torrents, can continue.
//
// A journal is a text file: a header, then one line per content, with its key and the info hash.
// Lines are only appended, and only for acknowledged contents. Opening drops a line that a crash
// cut short. Nothing is synced: a lost line costs one more request to the server. A journal is
// only a hint about the contents that the server has, and never replaces the server's answer.
//
// In memory a journal of a million contents takes 45 MB.
package journal

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"

	"github.com/torrentcache/torrentcache/infohash"
)

// header is the first line of a journal.
const header = "torrentcache journal 1\n"

// Key identifies a content at a place, or an action on a torrent and its reason.
type Key [16]byte

// lineSize is the size of a line in bytes: key, space, 20-byte info hash, line feed.
const lineSize = 2*len(Key{}) + 1 + 2*infohash.SizeV1 + 1

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	known table // content of the file when it was opened; never changes
	file  *os.File
}

// Open opens or creates the journal at path. If the file is not a journal, it returns an error
// and does not change the file.
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

// load reads the file, truncates an incomplete line, and starts a new file. It neither reads nor
// truncates lines that other processes add meanwhile.
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

// loadLines returns the size of all complete lines in bytes. The rest from the first bad line on
// is dropped.
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

// Add records that a server has acknowledged the content under id. It writes the line at once
// and as a whole, so two processes may share a journal.
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

// entry is a line. A v2 hash is truncated to 20 bytes, by which servers find the torrent, too.
type entry struct {
	key Key
	id  [infohash.SizeV1]byte
}

// table finds entries by key: the entries in the order of the file, and a hash
// table of their positions with linear probing, because a million of them are
// loaded at a start. Keys are digests: their first bytes are hash enough.
type table struct {
	entries []entry
	slots   []uint32 // a position in entries + 1, or 0; a power of two, at most half of them taken
}

// newTable returns a table for up to n entries.
func newTable(n int64) table {
	return table{entries: make([]entry, 0, n), slots: make([]uint32, 1<<bits.Len64(uint64(2*n)))}
}

// slot returns the slot of key, or the empty one for it.
func (t *table) slot(key Key) *uint32 {
	last := uint64(len(t.slots) - 1)
	for at := binary.LittleEndian.Uint64(key[:]) & last; ; at = (at + 1) & last {
		if n := t.slots[at]; n == 0 || t.entries[n-1].key == key {
			return &t.slots[at]
		}
	}
}

// add adds an entry. If several have the same key, the last one counts.
func (t *table) add(e entry) {
	slot := t.slot(e.key)
	t.entries = append(t.entries, e)
	*slot = uint32(len(t.entries))
}

// find returns the entry of key, nil if there is none.
func (t *table) find(key Key) *entry {
	if len(t.entries) == 0 {
		return nil
	}
	if n := *t.slot(key); n > 0 {
		return &t.entries[n-1]
	}
	return nil
}
