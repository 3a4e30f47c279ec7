package wire

import (
	"runtime"

	"google.golang.org/grpc/mem"
)

// Reserve reserves memory for a message of n bytes about to be received, and returns the
// function that gives it back; false if there is none. Patient says that the sender can wait, as
// that of a stream.
type Reserve func(n int, patient bool) (free func(), ok bool)

// Held is a message whose memory is held until the transport has released it. A [Codec] marshals
// it like the message.
type Held struct {
	Message any
	Free    func() // may be called repeatedly, by any goroutine
}

// WithoutMemory reports whether torrent is missing from a received message because there
// was no memory for it.
func WithoutMemory(torrent []byte) bool { return FailureOf(torrent) == NoMemory }

// release calls its function when the transport releases a buffer. It implements
// [mem.BufferPool].
type release func()

// Get implements [mem.BufferPool]; it is never called.
func (release) Get(n int) *[]byte {
	b := make([]byte, n)
	return &b
}

// Put implements [mem.BufferPool].
func (r release) Put(*[]byte) { r() }

// held returns b as a buffer that calls free when grpc releases it, or when it is garbage,
// because grpc drops the buffers of a stream that is reset at the wrong moment. A small buffer
// is not held: grpc does not pool it.
func held(b []byte, free func()) mem.Buffer {
	if mem.IsBelowBufferPoolingThreshold(cap(b)) {
		free()
		return mem.SliceBuffer(b)
	}
	handle := &b
	runtime.AddCleanup(handle, func(free func()) { free() }, free)
	return mem.NewBuffer(handle, release(free))
}

// whenGarbage calls free when b is garbage. The caller has the only reference to b.
func whenGarbage(b []byte, free func()) {
	runtime.AddCleanup(&b[0], func(free func()) { free() }, free)
}

// Failure says why a received message lacks its torrent. A mark takes the torrent's place,
// because grpc would turn an error of the codec into a status that says little.
type Failure int

// The failures.
const (
	Sound    Failure = iota // there is none
	NoMemory                // no memory for it, or no processor to inflate it
	TooLarge                // larger, inflated, than a message may be
	Damaged                 // its compression is invalid
)

// marks are identified by their address in memory, so no torrent equals one.
var marks [Damaged + 1]byte

// Mark returns the mark that replaces a failed message or its torrent. Callers must not change
// it.
func (f Failure) Mark() []byte { return marks[f : f+1 : f+1] }

// FailureOf returns the failure whose mark is in the place of a torrent.
func FailureOf(torrent []byte) Failure {
	if len(torrent) == 1 {
		for f := NoMemory; f <= Damaged; f++ {
			if &torrent[0] == &marks[f] {
				return f
			}
		}
	}
	return Sound
}
