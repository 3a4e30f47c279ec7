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

// storeKey is where the epoch lies.
const storeKey = "store"

// epochOf returns the epoch of the store's feed; the first node chooses it. Who
// brings an older copy of a bucket back deletes the object, so that all who
// follow the feed begin anew.
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
