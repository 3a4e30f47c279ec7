package s3store

import (
	"context"
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// fetch reads a batch; bucket.ErrAbsent if it is not there yet. A damaged one counts as
// empty: nothing can bring it back, and what comes after it must be heard. One of a
// newer program is an error: what it says must be heard, too.
func (f *feed) fetch(ctx context.Context, number uint64) (*object.Batch, error) {
	var b *object.Batch
	var bad error
	_, _, err := f.bucket.GetWhole(ctx, feedKey(number), 0, nil, func(body []byte) bool {
		b, bad = object.ParseBatch(body)
		return bad == nil
	})
	if err != nil {
		return nil, err
	}
	if errors.Is(bad, store.ErrUnavailable) {
		return nil, fmt.Errorf("%s: %w", feedKey(number), bad)
	}
	if bad != nil {
		f.logger.Error("a part of the feed is damaged: followers miss its changes", "object", feedKey(number), "cause", bad)
		return &object.Batch{Damaged: true}, nil
	}
	return b, nil
}

// seek finds the head of the feed: the batches have no gaps, so it takes about
// twice the logarithm of their number of requests.
func (f *feed) seek(ctx context.Context) error {
	low, high := uint64(0), uint64(1) // low is there, or 0; high is tried
	for {
		there, err := f.exists(ctx, high)
		if err != nil {
			return err
		}
		if !there {
			break
		}
		low, high = high, high*2
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		there, err := f.exists(ctx, middle)
		switch {
		case err != nil:
			return err
		case there:
			low = middle
		default:
			high = middle
		}
	}
	if low == 0 {
		return nil
	}
	last, err := f.fetch(ctx, low)
	if err != nil {
		return err
	}
	before, err := f.totalsBefore(ctx, low, last)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head, f.first, f.totals = low-1, low, before
	f.learn(low, last)
	return nil
}

// totalsBefore returns the totals of the last batch before number that can be read, if
// that of number, which is b, cannot.
func (f *feed) totalsBefore(ctx context.Context, number uint64, b *object.Batch) (object.Totals, error) {
	for b.Damaged && number > 1 {
		var err error
		number--
		if b, err = f.fetch(ctx, number); err != nil {
			return object.Totals{}, err
		}
	}
	return b.Totals, nil
}

func (f *feed) exists(ctx context.Context, number uint64) (bool, error) {
	_, _, err := f.bucket.Get(ctx, feedKey(number), object.BatchHeader, nil)
	if errors.Is(err, bucket.ErrAbsent) {
		return false, nil
	}
	return err == nil, err
}
