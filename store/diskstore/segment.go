package diskstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	segmentHeaderSize = 80
	// segmentCopy is the distance of the two copies of the segment header: they
	// lie in different blocks, so that one bad block does not hide both.
	segmentCopy = 4096
	// segmentStart is where the first record stands.
	segmentStart   = 2 * segmentCopy
	segmentVersion = 2
	segmentSuffix  = ".segment"
)

var segmentMagic = [8]byte{0xF7, 'T', 'C', 's', 'e', 'g', '\r', '\n'}

var (
	errNoSegmentHeader = errors.New("no readable segment header")
	// ErrNewerFormat says that a newer version of the program wrote the files.
	ErrNewerFormat = errors.New("written by a newer version")
)

// segmentHeader stands twice at the beginning of a segment file.
type segmentHeader struct {
	store   storeID
	segment uint64 // the id of this segment, from 1, as in the name of its file
	// epoch stands in every feed cursor. It is raised when the store is restored
	// from a backup, since its sequences then are used a second time.
	epoch uint64
	// previous is the segment that was active before this one, 0 if none, and
	// previousEnd the offset of its end: what lies behind was torn and is void.
	previous    uint64
	previousEnd int64
	created     int64 // seconds since 1970
}

// segment is one open segment file.
type segment struct {
	id     uint64
	file   vfs.File
	header segmentHeader
	reads  reads // of its records

	// life is held for reading by whoever reads the file, and for writing by who
	// takes it away.
	life    sync.RWMutex
	retired bool // guarded by life

	// Guarded by segments.mu once shared:
	size   int64 // of the file when it was opened, made, or sealed
	end    int64 // of the log in it, if sealed
	sealed bool  // nothing is appended any more
}

// errSegmentGone says that a segment was retired: what was in it is elsewhere.
var errSegmentGone = fmt.Errorf("%w: its segment is gone", errBadRecord)

// hold keeps the file open until letGo, and reports whether it still is.
func (s *segment) hold() bool {
	s.life.RLock()
	if s.retired {
		s.life.RUnlock()
		return false
	}
	return true
}

func (s *segment) letGo() { s.life.RUnlock() }

// retire closes the file, once nobody reads it.
func (s *segment) retire() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.retired = true
	return s.file.Close()
}

// endBy returns where the log ends in s, as the segment after it says, whether the file
// reaches there or not. One that follows another, since taken away, says nothing, and
// nothing is void.
func (s *segment) endBy(following *segment) int64 {
	if following.header.previous != s.id {
		return s.size
	}
	return following.header.previousEnd
}

func segmentName(id uint64) string { return fmt.Sprintf("%012d%s", id, segmentSuffix) }

// segmentID returns the id in the name of a segment file.
func segmentID(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, ok && err == nil && id > 0 && segmentName(id) == name
}

// listSegments returns the ids of the segment files in dir, in order.
func listSegments(fs vfs.FS, dir string) ([]uint64, error) {
	files, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range files {
		if id, ok := segmentID(name); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// encode returns the segmentStart bytes before the first record.
func (h segmentHeader) encode() []byte {
	le := binary.LittleEndian
	b := append([]byte(nil), segmentMagic[:]...)
	b = le.AppendUint16(b, segmentVersion)
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = append(b, h.store[:]...)
	b = le.AppendUint64(b, h.segment)
	b = le.AppendUint64(b, h.epoch)
	b = le.AppendUint64(b, h.previous)
	b = le.AppendUint64(b, uint64(h.previousEnd))
	b = le.AppendUint64(b, uint64(h.created))
	b = append(b, 0, 0, 0, 0)
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	area := make([]byte, segmentStart)
	copy(area, b)
	copy(area[segmentCopy:], b)
	return area
}

// readSegmentHeader reads the header of f from whichever copy is whole. Errors:
// ErrNewerFormat, errNoSegmentHeader if neither is, or that of the read.
func readSegmentHeader(f vfs.File) (segmentHeader, error) {
	var unread error
	for _, offset := range []int64{0, segmentCopy} {
		var b [segmentHeaderSize]byte
		if err := readFull(f, b[:], offset); errors.Is(err, errBadRecord) {
			continue
		} else if err != nil {
			unread = err
			continue
		}
		h, err := parseSegmentHeader(b[:])
		if !errors.Is(err, errNoSegmentHeader) {
			return h, err
		}
	}
	return segmentHeader{}, cmp.Or(unread, errNoSegmentHeader)
}

// parseSegmentHeader reads one copy. The magic, the version and the checksum
// stand in the same place in every version of the format.
func parseSegmentHeader(b []byte) (segmentHeader, error) {
	le := binary.LittleEndian
	last := segmentHeaderSize - 4
	if !bytes.HasPrefix(b, segmentMagic[:]) || crc32.Checksum(b[:last], castagnoli) != le.Uint32(b[last:]) {
		return segmentHeader{}, errNoSegmentHeader
	}
	switch version := le.Uint16(b[8:]); {
	case version > segmentVersion:
		return segmentHeader{}, fmt.Errorf("%w: format %d, this program knows %d", ErrNewerFormat, version, segmentVersion)
	case version < segmentVersion:
		return segmentHeader{}, fmt.Errorf("format %d, which no release had: this program knows %d", version, segmentVersion)
	}
	return segmentHeader{
		store:       storeID(b[16:32]),
		segment:     le.Uint64(b[32:]),
		epoch:       le.Uint64(b[40:]),
		previous:    le.Uint64(b[48:]),
		previousEnd: int64(le.Uint64(b[56:])),
		created:     int64(le.Uint64(b[64:])),
	}, nil
}
