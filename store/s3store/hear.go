package s3store

import (
	"context"
	"time"
)

// Together they are how long a node that is cut off may not know it: two seconds.
const (
	// fresh is how long after the feed was read to its end nothing counts as new.
	fresh = time.Second
	// hearTime bounds reading it for who asks after that.
	hearTime = time.Second
)

// ended notes that the feed was read to its end by requests begun at a time.
func (f *feed) ended(begun time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if begun.After(f.heard) {
		f.heard = begun
	}
}

// hear makes sure that the feed was read to its end within the time fresh, and
// returns why it cannot be.
func (f *feed) hear(ctx context.Context) error {
	if f.silence() <= fresh {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hearTime)
	defer cancel()
	return f.advance(ctx)
}

// silence returns how long ago the feed was read to its end.
func (f *feed) silence() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.heard)
}
