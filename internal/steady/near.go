package steady

import "runtime/metrics"

// nearShare is the part of the limit, in percent, from which the process is near it.
const nearShare = 85

// Near reports whether what the process cannot give back takes nearly limit bytes:
// the objects that the last run of the collector found in use, and the stacks.
// Near the limit the collector runs often, so that this is news. It may be called
// many times a second.
func (b Ballast) Near(limit int64) bool {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	used := int64(samples[0].Value.Uint64()+samples[1].Value.Uint64()) - int64(len(b))
	return used > limit/100*nearShare
}
