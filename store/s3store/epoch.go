package s3store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// storeKey is where the epoch lies.
const storeKey = "store"

// epoch returns the epoch of the store's feed; the first node chooses it. Who
// brings an older copy of a bucket back deletes the object, so that all who
// follow the feed begin anew.
func (b *bucket) epoch(ctx context.Context) (uint64, error) {
	body, err := b.readEpoch(ctx)
	if errors.Is(err, errAbsent) {
		var fresh [8]byte
		rand.Read(fresh[:])
		fresh[0] |= 1 // not zero
		body = object.EncodeEpoch(binary.BigEndian.Uint64(fresh[:]))
		if err = b.write(ctx, storeKey, body, ""); errors.Is(err, errLost) {
			body, err = b.readEpoch(ctx)
		}
	}
	if err != nil {
		return 0, err
	}
	epoch, err := object.ParseEpoch(body)
	if err != nil {
		return 0, fmt.Errorf("%w: the object %s%s: %w", store.ErrInvalid, b.prefix, storeKey, err)
	}
	return epoch, nil
}

func (b *bucket) readEpoch(ctx context.Context) ([]byte, error) {
	body, _, err := b.getWhole(ctx, storeKey, 0, nil, func(body []byte) bool {
		_, err := object.ParseEpoch(body)
		return err == nil
	})
	return body, err
}
