package s3store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"

	"github.com/torrentcache/torrentcache/store"
)

// An object value/<name>.value is a named value: its magic, the value, and the CRC32C
// of its key and of all before. The ending keeps the names that are dots alone from
// being taken for folders.
const (
	valueMagic  = "tcv" // and then, as a digit, the format
	valueFormat = '2'
)

func valueKey(name string) string { return "value/" + name + ".value" }

// Value implements [store.Store]. A damaged value is [store.ErrUnavailable] until it
// is set anew.
func (s *Store) Value(ctx context.Context, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := store.CheckValue(name, nil); err != nil {
		return nil, err
	}
	own, cancel := context.WithTimeout(ctx, s.callTime)
	defer cancel()
	key := valueKey(name)
	var value []byte
	var bad error
	_, _, err := s.bucket.getWhole(own, key, 0, nil, func(body []byte) bool {
		value, bad = parseValue(key, body)
		return bad == nil
	})
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return value, bad
}

// SetValue implements [store.Store]. Nodes do not agree on values: of two that set the
// same one the last writer wins, as the engine sees it, and a try that timed out may
// arrive after the one that was answered.
func (s *Store) SetValue(ctx context.Context, name string, value []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := store.CheckValue(name, value); err != nil {
		return err
	}
	own, cancel := context.WithTimeout(ctx, s.callTime)
	defer cancel()
	key := valueKey(name)
	body := valueBody(key, value)
	var err error
	for n := 0; s.bucket.budget.allows(own, n); n++ {
		if err = s.bucket.send(own, key, body, http.Header{}); !retryable(err) {
			break
		}
	}
	return s.failed(ctx, err)
}

func valueBody(key string, value []byte) []byte { return valueIn(key, valueFormat, value) }

func valueIn(key string, format byte, value []byte) []byte {
	body := append([]byte(valueMagic), format)
	body = append(body, value...)
	return binary.BigEndian.AppendUint32(body, valueSum(key, body))
}

func valueSum(key string, before []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), castagnoli), castagnoli, before)
}

// parseValue returns the value that is in the object of key, never nil.
func parseValue(key string, body []byte) ([]byte, error) {
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
