package log

import "sync/atomic"

// readGrain is of how many bytes of a segment it is known whether any were read:
// a bit for each makes 32 MiB of a terabyte.
const readGrain = 4096

// reads says which parts of a segment were read since they were written. It is
// empty where that is not noted. Safe for concurrent use.
type reads []atomic.Uint64

// newReads returns that of a segment of so many bytes; of 0 an empty one.
func newReads(size int64) reads {
	if size == 0 {
		return nil
	}
	return make(reads, size/readGrain/64+1)
}

// of returns the word and the bit of an offset. What lies behind the usual size
// of a segment, which holds one large torrent, shares those of its beginning.
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

// NoteRead notes that the record at an offset was read, which must be asked for in
// [Options].
func (s *Segment) NoteRead(offset int64) { s.reads.note(offset) }

// WasRead reports whether the record at an offset was read since it was written, or one beside
// it.
func (s *Segment) WasRead(offset int64) bool { return s.reads.has(offset) }
