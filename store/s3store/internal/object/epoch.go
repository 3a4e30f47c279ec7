package object

import (
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// The object "store" is one line with the magic, the format, the epoch and the CRC32C of all
// that is before it, in hex.
const (
	storeMagic  = "tcs3store"
	storeFormat = '2'
)

// EncodeEpoch returns the object of an epoch.
func EncodeEpoch(epoch uint64) []byte {
	text := fmt.Sprintf("%s%c %016x ", storeMagic, storeFormat, epoch)
	return fmt.Appendf(nil, "%s%08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// ParseEpoch reads what EncodeEpoch wrote. Its error says what to do.
func ParseEpoch(body []byte) (uint64, error) {
	text := string(body)
	if rest, ok := strings.CutPrefix(text, storeMagic); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' && rest[0] != storeFormat {
		return 0, otherFormat(rest[0], storeFormat)
	}
	var epoch uint64
	var sum uint32
	if _, err := fmt.Sscanf(text, storeMagic+"2 %x %x\n", &epoch, &sum); err != nil || text != string(EncodeEpoch(epoch)) {
		return 0, errors.New("it is damaged, or not of a store: if it is, delete it, and all who follow the feed begin anew")
	}
	return epoch, nil
}
