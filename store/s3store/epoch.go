package s3store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/torrentcache/torrentcache/store"
)

// storeKey is where the epoch lies: one line with the magic, the format, the epoch and
// the CRC32C of all that is before it, in hex.
const storeKey = "store"

const (
	storeMagic  = "tcs3store"
	storeFormat = '2'
)

// epoch returns the epoch of the store's feed; the first node chooses it. Who
// brings an older copy of a bucket back deletes the object, so that all who
// follow the feed begin anew.
func (b *bucket) epoch(ctx context.Context) (uint64, error) {
	body, err := b.readEpoch(ctx)
	if errors.Is(err, errAbsent) {
		var fresh [8]byte
		rand.Read(fresh[:])
		fresh[0] |= 1 // not zero
		body = epochBody(binary.BigEndian.Uint64(fresh[:]))
		if err = b.write(ctx, storeKey, body, ""); errors.Is(err, errLost) {
			body, err = b.readEpoch(ctx)
		}
	}
	if err != nil {
		return 0, err
	}
	epoch, err := parseEpoch(body)
	if err != nil {
		return 0, fmt.Errorf("%w: the object %s%s: %w", store.ErrInvalid, b.prefix, storeKey, err)
	}
	return epoch, nil
}

func (b *bucket) readEpoch(ctx context.Context) ([]byte, error) {
	body, _, err := b.getWhole(ctx, storeKey, 0, nil, func(body []byte) bool {
		_, err := parseEpoch(body)
		return err == nil
	})
	return body, err
}

func epochBody(epoch uint64) []byte {
	text := fmt.Sprintf("%s%c %016x ", storeMagic, storeFormat, epoch)
	return fmt.Appendf(nil, "%s%08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// parseEpoch reads the object of storeKey. Its error says what to do.
func parseEpoch(body []byte) (uint64, error) {
	text := string(body)
	if rest, ok := strings.CutPrefix(text, storeMagic); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' && rest[0] != storeFormat {
		return 0, otherFormat(rest[0], storeFormat)
	}
	var epoch uint64
	var sum uint32
	if _, err := fmt.Sscanf(text, storeMagic+"2 %x %x\n", &epoch, &sum); err != nil || text != string(epochBody(epoch)) {
		return 0, errors.New("it is damaged, or not of a store: if it is, delete it, and all who follow the feed begin anew")
	}
	return epoch, nil
}
