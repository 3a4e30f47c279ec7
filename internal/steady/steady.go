// Package steady tunes the Go runtime for a server under load: it keeps the memory
// of the process within a limit, the garbage collector from running more often than
// it needs to, and the disk from holding up the only core.
package steady

import "runtime/debug"

const (
	// maxBallast is how much is allocated between two runs of the collector, at
	// least, where there is enough memory, in bytes. By default it would be 4 MB,
	// a few milliseconds' worth of torrents.
	maxBallast = 64 << 20

	// ballastShare is the part of the limit that the ballast takes at most.
	ballastShare = 16
)

// Ballast is memory that is never touched: it takes none of the machine's, and
// makes the collector, which waits until the heap has doubled, wait longer. It
// shows as heap in use in the runtime's metrics. Hold it as long as the process
// is to be steady.
type Ballast []byte

// Limit makes the Go runtime keep the memory of the process below limit bytes as
// far as it can: near it the collector runs more often (see
// [debug.SetMemoryLimit]). Call it once, before there is load:
// memory that was used before would be cleared for the ballast, and be taken.
func Limit(limit int64) Ballast {
	ballast := make(Ballast, min(maxBallast, limit/ballastShare))
	debug.SetMemoryLimit(limit + int64(len(ballast))) // the runtime counts it, the machine does not
	return ballast
}
