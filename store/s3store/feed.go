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

// keptEntries is about how many of the latest entries stay in memory: 10 MB.
const keptEntries = 100_000

// feed is what this node knows of the feed. It is safe for concurrent use.
type feed struct {
	bucket *bucket.Bucket
	logger *slog.Logger

	mu      sync.Mutex
	heard   time.Time              // when it was last asked for and then read to its end
	head    uint64                 // number of the last batch that is known, 0 if there is none
	totals  object.Totals          // after it
	first   uint64                 // number of kept[0]
	kept    []*object.Batch        // the latest, up to head
	entries int                    // in kept
	ids     map[[16]byte]bool      // of the batches in kept
	writes  map[object.WriteID]int // of the entries in kept: how many are of that write
	grown   chan struct{}          // closed when head moves
}

func newFeed(b *bucket.Bucket, logger *slog.Logger) *feed {
	return &feed{bucket: b, logger: logger, first: 1, ids: map[[16]byte]bool{}, writes: map[object.WriteID]int{}, grown: make(chan struct{})}
}

func feedKey(number uint64) string { return fmt.Sprintf("feed/%020d", number) }

// maxAhead is how many batches are asked for at a time when there are many.
const maxAhead = 16

// advance reads the batches after the head, if there are any: one at first, and
// the more at a time the more there have been, so that a node that is behind
// catches up with those that write.
func (f *feed) advance(ctx context.Context) error {
	for ahead := 1; ; ahead = min(2*ahead, maxAhead) {
		if end, err := f.read(ctx, ahead); end || err != nil {
			return err
		}
	}
}

// read reads the count batches after the head side by side, and reports whether the
// feed ends among them.
func (f *feed) read(ctx context.Context, count int) (end bool, err error) {
	begun := time.Now()
	number := f.end() + 1
	batches, errs := make([]*object.Batch, count), make([]error, count)
	each(count, count, func(i int) { batches[i], errs[i] = f.fetch(ctx, number+uint64(i)) })
	for i, b := range batches {
		if errors.Is(errs[i], bucket.ErrAbsent) {
			f.ended(begun)
			return true, nil
		}
		if errs[i] != nil {
			return false, errs[i]
		}
		f.add(number+uint64(i), b)
	}
	return false, nil
}

// advanceTo reads the batches after the head up to number, which is there.
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

// learn adds the batch after the head; any other is known already. The caller holds mu.
func (f *feed) learn(number uint64, b *object.Batch) {
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
		f.forget()
	}
	close(f.grown)
	f.grown = make(chan struct{})
}

// forget drops the oldest of the batches kept. The caller holds mu.
func (f *feed) forget() {
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

// now returns what the store holds.
func (f *feed) now() object.Totals {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.totals
}

// has reports whether a write is among the latest entries, and returns a channel
// that is closed when there are more.
func (f *feed) has(w object.WriteID) (bool, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes[w] > 0, f.grown
}

// next returns the number of the next batch and what the store holds before it;
// or true if the batch with id is there already.
func (f *feed) next(id [16]byte) (number uint64, before object.Totals, there bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head + 1, f.totals, f.ids[id]
}

// writers returns how many nodes wrote the batches after number, of which the
// latest are looked at.
func (f *feed) writers(after uint64) int {
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

// add is learn for a caller that does not hold mu.
func (f *feed) add(number uint64, b *object.Batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.learn(number, b)
}

// at returns a batch that is not after the head.
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

// from returns count batches from number on, none of them after the head, side by
// side. With an error it returns those before the one that it is of.
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
