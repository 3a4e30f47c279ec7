package s3store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// keptEntries is about how many of the latest entries stay in memory, in 10 MB.
const keptEntries = 100_000

// feed is the part of the feed that this node knows. It is safe for concurrent use.
type feed struct {
	bucket *bucket.Bucket
	logger *slog.Logger

	mu      sync.Mutex
	readAt  time.Time              // begin of the last read that reached the end of the feed
	head    uint64                 // number of the last known batch, 0 if there is none
	totals  object.Totals          // after the batch head
	first   uint64                 // number of kept[0]
	kept    []*object.Batch        // the latest batches, up to head
	entries int                    // in kept
	ids     map[[16]byte]bool      // of the batches in kept
	writes  map[object.WriteID]int // number of entries in kept, by write
	grown   chan struct{}          // closed when head moves
}

func newFeed(b *bucket.Bucket, logger *slog.Logger) *feed {
	return &feed{bucket: b, logger: logger, first: 1, ids: map[[16]byte]bool{}, writes: map[object.WriteID]int{}, grown: make(chan struct{})}
}

func feedKey(number uint64) string { return fmt.Sprintf("feed/%020d", number) }

// maxAhead is the most batches that are read at a time.
const maxAhead = 16

// advance reads the batches after the head. It reads one at first and doubles the number with
// each round, so that a node that lags catches up with those that write.
func (f *feed) advance(ctx context.Context) error {
	for ahead := 1; ; ahead = min(2*ahead, maxAhead) {
		if end, err := f.read(ctx, ahead); end || err != nil {
			return err
		}
	}
}

// read reads count batches after the head concurrently, and reports whether the feed ends among
// them.
func (f *feed) read(ctx context.Context, count int) (end bool, err error) {
	begun := time.Now()
	number := f.end() + 1
	batches, errs := make([]*object.Batch, count), make([]error, count)
	each(count, count, func(i int) { batches[i], errs[i] = f.fetch(ctx, number+uint64(i)) })
	for i, b := range batches {
		if errors.Is(errs[i], bucket.ErrAbsent) {
			f.noteEnd(begun)
			return true, nil
		}
		if errs[i] != nil {
			return false, errs[i]
		}
		f.add(number+uint64(i), b)
	}
	return false, nil
}

// advanceTo reads the batches after the head up to number, which exists.
func (f *feed) advanceTo(ctx context.Context, number uint64) error {
	for next := f.end() + 1; next <= number; next = f.end() + 1 {
		b, err := f.fetch(ctx, next)
		if err != nil {
			return err
		}
		f.add(next, b)
	}
	return nil
}

// addLocked adds the batch after the head and ignores any other, which is known already. The caller
// holds mu.
func (f *feed) addLocked(number uint64, b *object.Batch) {
	if number != f.head+1 {
		return
	}
	f.head = number
	if !b.Damaged {
		f.totals = b.Totals
	}
	f.kept = append(f.kept, b)
	f.entries += len(b.Entries)
	f.ids[b.ID] = true
	for _, e := range b.Entries {
		f.writes[e.Write]++
	}
	for f.entries > keptEntries && len(f.kept) > 1 {
		f.dropOldest()
	}
	close(f.grown)
	f.grown = make(chan struct{})
}

// dropOldest drops the oldest of the batches kept. The caller holds mu.
func (f *feed) dropOldest() {
	oldest := f.kept[0]
	for _, e := range oldest.Entries {
		if f.writes[e.Write]--; f.writes[e.Write] == 0 {
			delete(f.writes, e.Write)
		}
	}
	delete(f.ids, oldest.ID)
	f.entries -= len(oldest.Entries)
	f.kept[0] = nil
	f.kept = f.kept[1:]
	f.first++
}

// end returns the number of the last batch known.
func (f *feed) end() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// currentTotals returns the totals after the head.
func (f *feed) currentTotals() object.Totals {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.totals
}

// has reports whether the latest entries include a write. The channel is closed when new entries
// come.
func (f *feed) has(w object.WriteID) (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes[w] > 0, f.grown
}

// next returns the number of the next batch and the totals before it. It reports there if the
// feed has the batch with id already.
func (f *feed) next(id [16]byte) (number uint64, before object.Totals, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head + 1, f.totals, f.ids[id]
}

// countWriters returns how many nodes wrote the batches after number. It counts among the latest
// batches only.
func (f *feed) countWriters(after uint64) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[object.SessionID]bool{}
	for i := len(f.kept) - 1; i >= 0 && f.first+uint64(i) > after && len(f.kept)-i <= 4*maxTurns; i-- {
		if entries := f.kept[i].Entries; len(entries) > 0 {
			seen[entries[0].Write.Session] = true
		}
	}
	return len(seen)
}

// add is addLocked for callers that do not hold mu.
func (f *feed) add(number uint64, b *object.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.addLocked(number, b)
}

// at returns a batch up to the head.
func (f *feed) at(ctx context.Context, number uint64) (*object.Batch, error) {
	f.mu.Lock()
	if number >= f.first {
		defer f.mu.Unlock()
		return f.kept[number-f.first], nil
	}
	f.mu.Unlock()
	b, err := f.fetch(ctx, number)
	if errors.Is(err, bucket.ErrAbsent) {
		return nil, fmt.Errorf("%w: %s is missing in the bucket", store.ErrUnavailable, feedKey(number))
	}
	return b, err
}

// from returns count batches from number on, none of them after the head. It reads them
// concurrently. With an error it returns the batches before the failed one.
func (f *feed) from(ctx context.Context, number, count uint64) ([]*object.Batch, error) {
	batches, errs := make([]*object.Batch, count), make([]error, count)
	each(int(count), maxAhead, func(i int) { batches[i], errs[i] = f.at(ctx, number+uint64(i)) })
	for i, err := range errs {
		if err != nil {
			return batches[:i], err
		}
	}
	return batches, nil
}

// Added up, fresh and readTime are how long a node that is cut off may not notice it: two
// seconds.
const (
	// fresh is how long a read to the end of the feed counts as current.
	fresh = time.Second
	// readTime bounds the read that a caller waits for after that.
	readTime = time.Second
)

// noteEnd records that requests begun at a time have read the feed to its end.
func (f *feed) noteEnd(begun time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if begun.After(f.readAt) {
		f.readAt = begun
	}
}

// ensureCurrent makes sure that the feed was read to its end within the time fresh. It returns
// an error if it cannot.
func (f *feed) ensureCurrent(ctx context.Context) error {
	if f.sinceRead() <= fresh {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return f.advance(ctx)
}

// sinceRead returns the time since the feed was last read to its end.
func (f *feed) sinceRead() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Since(f.readAt)
}
