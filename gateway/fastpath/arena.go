package fastpath

import (
	"bytes"
	"runtime"
	"sync"
)

// Arena is memory beside the Go heap in which bodies lie from which the kernel
// sends without anybody copying them. Copying is what a download costs most: of
// 10,000 torrents of 20 KB each body is out of the processor's caches when it is
// asked for.
//
// It consists of blocks, which are huge pages where the system has them: the kernel
// counts who uses a page for each page by itself, and counting 250 of them costs
// more than all else of a send of 1 MB. The addresses of a block belong to the arena
// for good, and memory in which a body lay is never written to again: it is given
// back to the system, which keeps what a socket still holds as it was and gives
// the block new memory.
//
// A body's room is free when its [Answer] is garbage. An Arena is safe for concurrent
// use.
type Arena struct {
	pipes *pipes

	mu      sync.Mutex // guards what follows, and the blocks
	current *block     // takes the next body; nil at first
	empty   []*block
}

// copyLimit is the largest body that is kept in the heap and sent by one write with
// its header, in bytes. Larger ones are moved to an arena.
const copyLimit = 16 << 10

// NewArena returns an arena. Where the fast path does not make its own system calls,
// which is on Linux with 64 bits, it takes no bodies, and [Arena.Move] returns what it
// is given.
func NewArena() *Arena { return &Arena{pipes: newPipes()} }

// region is a body in an arena. It never changes.
type region struct {
	size   int
	pieces [][]byte // one after another; nobody writes to them
	pipes  *pipes
	blocks []*block // in which they lie
}

// Move returns an answer like a whose body, if it is large, lies in the arena. It
// returns a itself if there is no room.
func (s *Arena) Move(a *Answer) *Answer {
	if len(a.body) <= copyLimit {
		return a
	}
	moved := &Answer{found: a.found, header: a.header}
	r := s.region(moved, a.body)
	if r == nil {
		return a
	}
	moved.region.Store(r)
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

// region returns a new region with a copy of body, for a; nil if there is no room.
func (s *Arena) region(a *Answer, body []byte) *region {
	r := &region{size: len(body), pipes: s.pipes}
	for size := len(body); size > 0; size -= len(r.pieces[len(r.pieces)-1]) {
		piece, b := s.take(a, size)
		if b == nil {
			s.free(r.blocks, sizes(r.pieces))
			return nil
		}
		r.pieces, r.blocks = append(r.pieces, piece), append(r.blocks, b)
	}
	for _, piece := range r.pieces {
		body = body[copy(piece, body):]
	}
	blocks, lengths := r.blocks, sizes(r.pieces)
	runtime.AddCleanup(r, func(lengths []int) { s.free(blocks, lengths) }, lengths)
	return r
}

func sizes(pieces [][]byte) []int {
	var n []int
	for _, p := range pieces {
		n = append(n, len(p))
	}
	return n
}

// read returns a copy of the body.
func (r *region) read() []byte {
	b := make([]byte, r.size)
	r.readAt(b, 0)
	return b
}

// readAt fills p with the body from an offset on, which is that long.
func (r *region) readAt(p []byte, from int) {
	for _, piece := range r.pieces {
		skipped := min(from, len(piece))
		p, from = p[copy(p, piece[skipped:]):], from-skipped
	}
	runtime.KeepAlive(r)
}
