package log

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Segment is one open segment file. ID, File and Header do not change.
type Segment struct {
	ID     uint64
	File   vfs.File             // also open for writing if it is the last
	Header format.SegmentHeader // zero if it is damaged or cannot be read
	reads  reads                // which of its records were read

	// Readers of the file hold life for reading; retire holds it for writing.
	life    sync.RWMutex
	retired bool // guarded by life

	// Segments.mu guards Size and the fields after it once the segment is shared. They do not
	// change any more once it is sealed.
	Size   int64 // of the file when it was opened, created or sealed
	end    int64 // the end of the log in the file, if sealed
	sealed bool  // whether nothing is appended any more
}

// ErrGone says that a segment was retired: its records are elsewhere.
var ErrGone = fmt.Errorf("%w: its segment is gone", format.ErrBadRecord)

// Hold keeps the file open until LetGo. It reports false if the file is closed already.
func (s *Segment) Hold() bool {
	s.life.RLock()
	if s.retired {
		s.life.RUnlock()
		return false
	}
	return true
}

// LetGo ends a successful Hold.
func (s *Segment) LetGo() { s.life.RUnlock() }

// retire closes the file once no reader holds it.
func (s *Segment) retire() error {
	s.life.Lock()
	defer s.life.Unlock()
	s.retired = true
	return s.File.Close()
}

// EndBy returns the end of the log in s according to the header of the following segment, even
// if the file is shorter. If the following segment names another previous one, which is deleted,
// the end is that of the file.
func (s *Segment) EndBy(following *Segment) int64 {
	if following.Header.Previous != s.ID {
		return s.Size
	}
	return following.Header.PreviousEnd
}

// List returns the ids of the segment files in dir in ascending order.
func List(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, name := range names {
		if id, ok := format.SegmentID(name); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// readSegmentHeader reads the header of f from the first intact copy. Errors: ErrNewerFormat,
// format.ErrNoSegmentHeader if neither copy is intact, or that of the read.
func readSegmentHeader(f vfs.File) (format.SegmentHeader, error) {
	var unread error
	for _, offset := range []int64{0, format.SegmentCopy} {
		var b [format.SegmentHeaderSize]byte
		if err := files.ReadFull(f, b[:], offset); errors.Is(err, format.ErrBadRecord) {
			continue
		} else if err != nil {
			unread = err
			continue
		}
		h, err := format.ParseSegmentHeader(b[:])
		if !errors.Is(err, format.ErrNoSegmentHeader) {
			return h, err
		}
	}
	return format.SegmentHeader{}, cmp.Or(unread, format.ErrNoSegmentHeader)
}

// ReadBody returns the body of the record h at an offset of a segment's file. The error is
// format.ErrBadRecord if its checksum does not match.
func ReadBody(file vfs.File, h *format.Header, at int64) ([]byte, error) {
	body := make([]byte, h.Length)
	if err := files.ReadFull(file, body, at+format.HeaderSize); err != nil {
		return nil, err
	}
	if format.Checksum(body) != h.BodySum {
		return nil, format.ErrBadRecord
	}
	return body, nil
}

// readGrain is the size in bytes of the parts of a segment that reads tells apart: a bit for
// each makes 32 MiB for a terabyte.
const readGrain = 4096

// reads records which parts of a segment were read since they were written. It is empty if that
// is not recorded. It is safe for concurrent use.
type reads []atomic.Uint64

// newReads returns the reads of a segment of size bytes; empty for 0.
func newReads(size int64) reads {
	if size == 0 {
		return nil
	}
	return make(reads, size/readGrain/64+1)
}

// of returns the word and the bit of an offset. Offsets beyond the usual size of a segment,
// which belong to one large torrent, share the bits of its beginning.
func (r reads) of(offset int64) (word *atomic.Uint64, bit uint64) {
	n := offset / readGrain
	return &r[n/64%int64(len(r))], 1 << (n % 64)
}

func (r reads) note(offset int64) {
	if word, bit := r.of(offset); word.Load()&bit == 0 {
		word.Or(bit)
	}
}

func (r reads) has(offset int64) bool {
	word, bit := r.of(offset)
	return word.Load()&bit != 0
}

// NoteRead records that the record at an offset was read. [Options] must ask for that.
func (s *Segment) NoteRead(offset int64) { s.reads.note(offset) }

// WasRead reports whether the record at an offset, or a neighbour in the same part, was read
// since it was written.
func (s *Segment) WasRead(offset int64) bool { return s.reads.has(offset) }
