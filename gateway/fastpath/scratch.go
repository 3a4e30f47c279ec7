package fastpath

import "sync"

// scratchRoom is the largest torrent that is read into memory which is used again,
// in bytes, with what a store keeps beside it.
const scratchRoom = 256 << 10

// Scratch is memory for one answer that is sent and not kept.
type Scratch struct {
	// Room is for the body. Whoever loads it may use all of its capacity.
	Room   []byte
	header []byte
	answer Answer
}

// scratches hold answers while they are loaded and written.
var scratches = sync.Pool{New: func() any {
	return &Scratch{Room: make([]byte, 0, scratchRoom), header: make([]byte, 0, headerRoom)}
}}

// Answer returns an answer with content: body, and the header that t gives with
// values. It is valid as long as s is used for nothing else.
func (s *Scratch) Answer(body []byte, t *Template, values ...string) *Answer {
	s.header = t.Append(s.header[:0], values...)
	s.answer = Answer{found: true, header: s.header, body: body}
	return &s.answer
}
