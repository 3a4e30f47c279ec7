package fastpath

import (
	"bytes"
	"os"
	"runtime"
	"sync/atomic"
)

// Arena is an anonymous file in memory (memfd) in which bodies lie from which the
// kernel sends without anybody copying them. Copying is what a download costs
// most: of 10,000 torrents of 20 KB each body is out of the processor's caches when
// it is asked for. The bodies take no room in the Go heap.
//
// A body's pages are given back when its [Answer] is garbage. An Arena is safe
// for concurrent use.
type Arena struct {
	file *os.File // nil where there is no such thing
	end  atomic.Int64
}

// copyLimit is the largest body that is kept in the heap and sent by one write with
// its header, in bytes. Larger ones are moved to an arena.
const copyLimit = 16 << 10

// place is what the offsets of bodies are multiples of, in bytes, so that no two
// share a page: every page size of Linux divides it. The file is sparse; what no
// body fills of a place takes no memory.
const place = 64 << 10

// NewArena returns an arena. On systems other than Linux it takes no bodies, and
// [Arena.Move] returns what it is given.
func NewArena() *Arena { return &Arena{file: memoryFile()} }

// region is a body in an arena.
type region struct {
	file   *os.File
	offset int64
	size   int
}

// Move returns an answer like a whose body, if it is large, lies in the arena. It
// returns a itself if there is no room.
func (s *Arena) Move(a *Answer) *Answer {
	if s.file == nil || len(a.body) <= copyLimit {
		return a
	}
	room := int64(len(a.body)+place-1) &^ (place - 1)
	r := &region{file: s.file, offset: s.end.Add(room) - room, size: len(a.body)}
	if _, err := s.file.WriteAt(a.body, r.offset); err != nil {
		punch(s.file, r.offset, room) // what was written of it
		return a
	}
	moved := &Answer{found: a.found, header: a.header, region: r}
	file, offset := s.file, r.offset
	runtime.AddCleanup(r, func(room int64) { punch(file, offset, room) }, room)
	return moved
}

// Keep returns a copy of a, whose header and body may then be changed. A large body
// is moved to the arena, if there is room.
func (s *Arena) Keep(a *Answer) *Answer {
	kept := &Answer{found: a.found, header: bytes.Clone(a.header), body: a.body}
	if moved := s.Move(kept); moved != kept {
		return moved
	}
	kept.body = bytes.Clone(a.body)
	return kept
}

// read returns a copy of the body.
func (r *region) read() []byte {
	b := make([]byte, r.size)
	r.readAt(b, 0)
	return b
}

// readAt fills p with the body from an offset on, which is that long.
func (r *region) readAt(p []byte, from int) {
	if _, err := r.file.ReadAt(p, r.offset+int64(from)); err != nil {
		panic(err) // the file is memory
	}
	runtime.KeepAlive(r)
}
