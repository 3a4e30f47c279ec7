package steady

import (
	"runtime"
	"runtime/metrics"
)

// nearShare is the part of the limit, in percent, from which the process is near it.
const nearShare = 85

// MayBeNear reports whether what the process has allocated takes nearly limit
// bytes, what is no longer used included. It is cheap.
func (b Ballast) MayBeNear(limit int64) bool {
	return b.above(limit, "/memory/classes/heap/objects:bytes")
}

// Near runs the collector, and reports whether what is left takes nearly limit
// bytes: then there is nothing that the process could give back by itself.
func (b Ballast) Near(limit int64) bool {
	runtime.GC()
	return b.above(limit, "/gc/heap/live:bytes")
}

// above reports whether the heap by this metric, and the stacks, take nearly limit
// bytes. The ballast takes none.
func (b Ballast) above(limit int64, heap string) bool {
	samples := []metrics.Sample{{Name: heap}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	used := int64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) - int64(len(b))
	return used > limit/100*nearShare
}
