package diskstore

import (
	"context"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// value returns the value under name as it will be; its sequence is 0 if there is none.
func (c *changeSet) value(name string) (index.Value, error) {
	if v, ok := c.Values[name]; ok {
		return v, nil
	}
	if c.before != nil {
		return c.before.value(name)
	}
	return c.index.Value(name)
}

// applyValue is apply for the record of a value: of two the higher sequence wins, and
// an equal one is a copy.
func (c *changeSet) applyValue(h *format.Header, at format.Place, name string, value []byte) error {
	c.keepRoom(h, at)
	current, err := c.value(name)
	if err == nil && h.Sequence >= current.Sequence {
		c.Values[name] = index.Value{Name: name, Data: value, Sequence: h.Sequence, Time: h.Time, At: at}
	}
	return err
}

// setValue appends the record of a value.
func (g *group) setValue(name string, value []byte) error {
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	body := format.AppendValue(nil, name, value)
	h := &format.Header{
		Kind: format.KindValue, Sequence: g.State.Sequence + 1, Time: g.committer.options.Clock().Unix(),
		Length: uint32(len(body)), BodySum: format.Checksum(body),
	}
	if err := g.applyValue(h, g.next(h), name, value); err != nil {
		return err
	}
	g.add(h, body)
	return nil
}

// valueSize returns the bytes that the record of a value takes.
func valueSize(name string, value []byte) int64 { return format.RecordSize(1 + len(name) + len(value)) }

// Value implements [store.Store].
func (s *Store) Value(ctx context.Context, name string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := store.CheckValue(name, nil); err != nil {
		return nil, err
	}
	v, err := s.index.Value(name)
	return v.Data, err
}

// SetValue implements [store.Store].
func (s *Store) SetValue(ctx context.Context, name string, value []byte) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if err := store.CheckValue(name, value); err != nil {
		return err
	}
	if name == retiredName {
		return fmt.Errorf("%w: %s is a value of the store itself", store.ErrInvalid, name)
	}
	value = append([]byte{}, value...) // ctx may end before it is written
	return s.do(ctx, valueSize(name, value), func(g *group) (store.Outcome, error) {
		return 0, g.setValue(name, value)
	})
}
