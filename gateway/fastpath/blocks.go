package fastpath

import (
	"os"
	"slices"
	"weak"
)

const (
	// blockSize is the size of a block, in bytes: that of a huge page of x86-64, and
	// of ARM64 with pages of 4 KiB.
	blockSize = 2 << 20

	// leastLive is how much of a full block must be bodies that are in use. If it is
	// less they move to another one, so that an arena takes no more than a third
	// more memory than its bodies, beside what the garbage collector has yet to find.
	leastLive = blockSize / 4 * 3
)

// block is a part of an arena. It is filled from front to back, and emptied as a
// whole.
type block struct {
	memory  []byte // blockSize bytes at a multiple of that
	used    int    // bytes from the front, in whole pages
	live    int    // of them those that are not free
	bodies  []weak.Pointer[Answer]
	leaving bool // its bodies move to other blocks
}

// room returns how much of a block size bytes take: whole pages, for bodies that share
// one would cost the kernel one more page each.
func room(size int) int {
	page := os.Getpagesize()
	return (size + page - 1) / page * page
}

// take gives a up to size bytes of the current block. The block is nil if there is
// no memory.
func (s *Arena) take(a *Answer, size int) ([]byte, *block) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.current.used == blockSize {
		if !s.next() {
			return nil, nil
		}
	}
	b := s.current
	size = min(size, blockSize-b.used)
	piece := b.memory[b.used : b.used+size : b.used+size]
	b.used += room(size)
	b.live += room(size)
	b.bodies = append(b.bodies, weak.Make(a))
	return piece, b
}

// next makes an empty block the current one. It returns false if there is none.
func (s *Arena) next() bool {
	if len(s.empty) == 0 {
		for memory := range slices.Chunk(reserve(), blockSize) {
			s.empty = append(s.empty, &block{memory: memory})
		}
	}
	if len(s.empty) == 0 {
		return false
	}
	full := s.current
	last := len(s.empty) - 1
	s.current, s.empty = s.empty[last], s.empty[:last]
	if full != nil {
		s.tidy(full)
	}
	return true
}

// free frees pieces of these lengths, in bytes, of these blocks.
func (s *Arena) free(blocks []*block, lengths []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range blocks {
		b.live -= room(lengths[i])
		if b != s.current {
			s.tidy(b)
		}
	}
}

// tidy empties a full block if nothing in it is in use, and begins to if little is.
func (s *Arena) tidy(b *block) {
	switch {
	case b.live == 0:
		// Were it refused, the block would be lost, but nothing would be wrong.
		if release(b.memory) {
			*b = block{memory: b.memory}
			s.empty = append(s.empty, b)
		}
	case b.live < leastLive && !b.leaving:
		b.leaving = true
		go s.evacuate(b, b.bodies)
	}
}

// evacuate moves the bodies of b that are in use to other blocks. What is being sent
// goes on from where it was, and b is emptied when that has ended.
func (s *Arena) evacuate(b *block, bodies []weak.Pointer[Answer]) {
	for _, body := range bodies {
		a := body.Value()
		if a == nil {
			continue
		}
		r := a.region.Load()
		if r == nil || !slices.Contains(r.blocks, b) {
			continue // not there yet, and then it stays until its end; or moved already
		}
		if moved := s.region(a, r.read()); moved != nil {
			a.region.Store(moved)
		}
	}
}
