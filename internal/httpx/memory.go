package httpx

import (
	"math/bits"
	"sync"
)

// Memory of bodies is used again in sizes of powers of two, from 4 KiB to what a
// body gets at first, and one byte to see its end in; as exponents.
const (
	leastMemory = 12
	mostMemory  = 17
)

// memories hold what can be used again, by size. The garbage collector empties
// them in time.
var memories [mostMemory - leastMemory + 1]sync.Pool // of *[]byte

// newMemory returns memory of at least n bytes that hold anything, with none of them
// in use yet.
func newMemory(n int64) []byte {
	exponent := max(bits.Len64(uint64(max(n, 1)-1)), leastMemory)
	if exponent > mostMemory {
		return make([]byte, 0, n)
	}
	if b, ok := memories[exponent-leastMemory].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1<<exponent)
}

// Reuse takes back a body that [ReadBody], [ReadAll] or [ReadUntil] returned, of
// which nobody may look at any part any more. New memory for each upload, cleared
// and then collected, was a tenth of what a form of 20 KB cost. What
// nobody takes back is left to the garbage collector, and so is nil.
func Reuse(body []byte) {
	exponent := bits.Len(uint(cap(body))) - 1
	if exponent < leastMemory || exponent > mostMemory || cap(body) != 1<<exponent {
		return
	}
	memories[exponent-leastMemory].Put(&body)
}
