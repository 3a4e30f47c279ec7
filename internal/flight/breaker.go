package flight

import (
	"sync/atomic"
	"time"
)

// AskTime is how long a caller that has a copy of something waits for the original before
// that counts as out of reach, and how long it then does.
const AskTime = time.Second

// Breaker remembers that something was out of reach, so that not every caller waits to find
// out. Its zero value says that it is in reach. It is safe for concurrent use.
type Breaker struct{ until atomic.Int64 } // nanoseconds of uptime; 0: closed

// Open reports whether the thing counts as out of reach. Once in AskTime it says no to one
// caller, which is to find out and to call Trip or Reset.
func (b *Breaker) Open() bool {
	until, now := b.until.Load(), int64(Uptime())
	if until == 0 || now < until {
		return until != 0
	}
	return !b.until.CompareAndSwap(until, now+int64(AskTime))
}

// Trip notes that the thing was out of reach.
func (b *Breaker) Trip() { b.until.Store(int64(Uptime() + AskTime)) }

// Reset notes that the thing was in reach.
func (b *Breaker) Reset() { b.until.Store(0) }

// started is the beginning of uptime.
var started = time.Now()

// Uptime returns how long the process has run, which no change of the clock moves.
func Uptime() time.Duration { return time.Since(started) }
