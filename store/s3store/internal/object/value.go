package object

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/torrentcache/torrentcache/store"
)

// An object value/<name>.value is a named value: the magic, the value, and the CRC32C of the
// object's key and all bytes before.
const (
	valueMagic  = "tcv" // and then, as a digit, the format
	valueFormat = '2'
)

// EncodeValue returns the object that stores a value under key.
func EncodeValue(key string, value []byte) []byte {
	body := append([]byte(valueMagic), valueFormat)
	body = append(body, value...)
	return binary.BigEndian.AppendUint32(body, valueSum(key, body))
}

func valueSum(key string, before []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, before)
}

// ParseValue returns the value in the object of key, never nil.
func ParseValue(key string, body []byte) ([]byte, error) {
	end := len(body) - crc32.Size
	begin := len(valueMagic) + 1
	switch {
	case end < begin || string(body[:begin-1]) != valueMagic || binary.BigEndian.Uint32(body[end:]) != valueSum(key, body[:end]):
		return nil, fmt.Errorf("%w: %s is damaged", store.ErrUnavailable, key)
	case body[begin-1] != valueFormat:
		return nil, fmt.Errorf("%s: %w", key, otherFormat(body[begin-1], valueFormat))
	}
	return body[begin:end], nil
}

// The object "store" is one line with the magic, the format, the epoch and the CRC32C of all
// bytes before it, in hex.
const (
	storeMagic  = "tcs3store"
	storeFormat = '2'
)

// EncodeEpoch returns the object of an epoch.
func EncodeEpoch(epoch uint64) []byte {
	text := fmt.Sprintf("%s%c %016x ", storeMagic, storeFormat, epoch)
	return fmt.Appendf(nil, "%s%08x\n", text, crc32.Checksum([]byte(text), castagnoli))
}

// ParseEpoch reads the result of EncodeEpoch. The error tells the operator the remedy.
func ParseEpoch(body []byte) (uint64, error) {
	text := string(body)
	if rest, ok := strings.CutPrefix(text, storeMagic); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' && rest[0] != storeFormat {
		return 0, otherFormat(rest[0], storeFormat)
	}
	var epoch uint64
	var sum uint32
	if _, err := fmt.Sscanf(text, storeMagic+"2 %x %x\n", &epoch, &sum); err != nil || text != string(EncodeEpoch(epoch)) {
		return 0, errors.New("it is damaged, or not of a store: if it is, delete it, and all followers of the feed begin anew")
	}
	return epoch, nil
}
