package tiered

import (
	"sync"
	"time"
)

// fullTime is how long the disk may refuse every copy before the operator is told.
// For moments it does so when copies come faster than old ones can leave.
const fullTime = 10 * time.Second

// fullness is for how long the disk refuses every copy. It is safe for concurrent use.
type fullness struct {
	mu    sync.Mutex
	since time.Duration // uptime; 0: it took the last copy
	told  bool
}

// note notes whether the disk refused a copy at an uptime, and reports whether the
// operator is to be told, once until it takes one.
func (f *fullness) note(refused bool, now time.Duration) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !refused:
		f.since, f.told = 0, false
	case f.since == 0:
		f.since = now
	case now-f.since >= fullTime && !f.told:
		f.told = true
		return true
	}
	return false
}
