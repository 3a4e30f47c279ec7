package object

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/torrentcache/torrentcache/store"
)

// An object value/<name>.value is a named value: its magic, the value, and the CRC32C
// of its key and of all before.
const (
	valueMagic  = "tcv" // and then, as a digit, the format
	valueFormat = '2'
)

// EncodeValue returns the object of key with a value.
func EncodeValue(key string, value []byte) []byte {
	body := append([]byte(valueMagic), valueFormat)
	body = append(body, value...)
	return binary.BigEndian.AppendUint32(body, valueSum(key, body))
}

func valueSum(key string, before []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, before)
}

// ParseValue returns the value that is in the object of key, never nil.
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
