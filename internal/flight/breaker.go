package flight

import (
	"sync/atomic"
	"time"
)

// AskTime is how long a caller that has a copy waits for the original. If the original does not
// answer by then, it counts as unreachable for the same time.
const AskTime = time.Second

// Breaker remembers that a backend was unreachable, so that not every caller waits to find out.
// The zero value is closed: the backend counts as reachable. It is safe for concurrent use.
type Breaker struct{ until atomic.Int64 } // nanoseconds of uptime; 0: closed

// Open reports whether the backend counts as unreachable. Once in AskTime it returns false to
// one caller, which must try the backend and call Trip or Reset.
func (b *Breaker) Open() bool {
	until, now := b.until.Load(), int64(Uptime())
	if until == 0 || now < until {
		return until != 0
	}
	return !b.until.CompareAndSwap(until, now+int64(AskTime))
}

// Trip records that the backend was unreachable.
func (b *Breaker) Trip() { b.until.Store(int64(Uptime() + AskTime)) }

// Reset records that the backend was reachable.
func (b *Breaker) Reset() { b.until.Store(0) }

// started is the beginning of uptime.
var started = time.Now()

// Uptime returns how long the process has run. Changes of the clock do not affect it.
func Uptime() time.Duration { return time.Since(started) }
