package limit

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// large is from which size on memory is allocated with care, in bytes: a few of these
	// are as much as the collector lets come together between two of its runs.
	large = 256 << 10

	// nearShare is the part of the runtime's memory limit, in percent, up to which memory
	// may be allocated without a look at what of it is garbage.
	nearShare = 85
)

// allocate returns n bytes. What calls have given back is garbage until the collector runs,
// which it does too late if calls allocate much and end at once: then it is run here.
func (l *Limits) allocate(n int) []byte {
	if n < large {
		return make([]byte, n)
	}
	l.allocating.Lock()
	defer l.allocating.Unlock()
	if near(n) {
		runtime.GC()
	}
	return make([]byte, n)
}

// near reports whether the process is near its memory limit with n bytes more.
func near(n int) bool {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	used := int64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) + int64(n)
	return used > debug.SetMemoryLimit(-1)/100*nearShare
}
