package wire

import (
	"runtime"

	"google.golang.org/grpc/mem"
)

// Reserve takes memory for a message of n bytes that is about to be received, and returns
// what gives it back; false if there is none. Patient says that its sender can wait: it
// goes on with a stream.
type Reserve func(n int, patient bool) (free func(), ok bool)

// Held is a message with memory that is held until the transport has let go of it. A
// [Codec] marshals it like the message.
type Held struct {
	Message any
	Free    func() // may be called more than once; by any goroutine
}

// WithoutMemory reports whether torrent is missing from a received message because there
// was no memory for it.
func WithoutMemory(torrent []byte) bool { return FailureOf(torrent) == NoMemory }

// release calls its function when the transport lets go of a buffer. It implements
// [mem.BufferPool].
type release func()

// Get implements [mem.BufferPool]; nobody calls it.
func (release) Get(n int) *[]byte {
	b := make([]byte, n)
	return &b
}

// Put implements [mem.BufferPool].
func (r release) Put(*[]byte) { r() }

// held returns b as a buffer at whose end free is called: when grpc frees it or, since grpc
// drops those of a stream that is reset at the wrong moment, when it is garbage. A small one
// is not worth holding: grpc has no pools for it.
func held(b []byte, free func()) mem.Buffer {
	if mem.IsBelowBufferPoolingThreshold(cap(b)) {
		free()
		return mem.SliceBuffer(b)
	}
	handle := &b
	runtime.AddCleanup(handle, func(free func()) { free() }, free)
	return mem.NewBuffer(handle, release(free))
}

// whenGarbage calls free when b, of which the caller has the only copy, is garbage.
func whenGarbage(b []byte, free func()) {
	runtime.AddCleanup(&b[0], func(free func()) { free() }, free)
}
