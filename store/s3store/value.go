package s3store

import (
	"context"
	"errors"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/s3store/internal/bucket"
	"github.com/torrentcache/torrentcache/store/s3store/internal/object"
)

// valueKey returns the key of a named value. The suffix keeps names like "." and ".." from being
// resolved as folders.
func valueKey(name string) string { return "value/" + name + ".value" }

// Value implements [store.Store]. A damaged value is [store.ErrUnavailable] until it is set
// again.
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
	_, _, err := s.bucket.GetWhole(own, key, 0, nil, func(body []byte) bool {
		value, bad = object.ParseValue(key, body)
		return bad == nil
	})
	if errors.Is(err, bucket.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return value, bad
}

// SetValue implements [store.Store]. Nodes do not coordinate. If two write at once, the one whose
// write the engine does last wins. A write that timed out may take effect after a later one that
// was answered.
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
	body := object.EncodeValue(key, value)
	return s.failed(ctx, s.bucket.Replace(own, key, body))
}
