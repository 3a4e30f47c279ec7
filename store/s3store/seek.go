package s3store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// fetch reads a batch. The error is bucket.ErrAbsent if the batch does not exist yet. A damaged
// batch counts as empty: nothing can restore it, and readers must get the changes after it. A
// batch of a newer format is an error, because skipping it would lose its changes.
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

// seek finds the head of the feed by binary search, since the numbers have no gaps. For n
// batches it takes about 2·log2(n) requests.
func (f *feed) seek(ctx context.Context) error {
	low, high := uint64(0), uint64(1) // batch low exists, or low is 0; high is tried next
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
	f.addLocked(low, last)
	return nil
}

// totalsBefore returns the totals of b, the batch of that number. If b is damaged, it returns
// those of the last readable batch before it.
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

// storeKey is the key of the epoch.
const storeKey = "store"

// epochOf returns the epoch of the store's feed, which the first node chooses. Operators who
// restore an older copy of a bucket delete this object, so that all followers of the feed start
// over.
func epochOf(ctx context.Context, b *bucket.Bucket) (uint64, error) {
	body, err := readEpoch(ctx, b)
	if errors.Is(err, bucket.ErrAbsent) {
		var fresh [8]byte
		rand.Read(fresh[:])
		fresh[0] |= 1 // not zero
		body = object.EncodeEpoch(binary.BigEndian.Uint64(fresh[:]))
		if err = b.Write(ctx, storeKey, body, ""); errors.Is(err, bucket.ErrLost) {
			body, err = readEpoch(ctx, b)
		}
	}
	if err != nil {
		return 0, err
	}
	epoch, err := object.ParseEpoch(body)
	if err != nil {
		return 0, fmt.Errorf("%w: the object %s%s: %w", store.ErrInvalid, b.Prefix, storeKey, err)
	}
	return epoch, nil
}

func readEpoch(ctx context.Context, b *bucket.Bucket) ([]byte, error) {
	body, _, err := b.GetWhole(ctx, storeKey, 0, nil, func(body []byte) bool {
		_, err := object.ParseEpoch(body)
		return err == nil
	})
	return body, err
}
