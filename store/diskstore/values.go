package diskstore

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// keptValue is a named value and the record that keeps it.
type keptValue struct {
	name     string
	value    []byte
	sequence uint64
	time     int64 // seconds since 1970
	at       location
}

// valueFixed is the size in bytes of an encoded keptValue without the value.
const valueFixed = 4 * 8

// encode returns what the index keeps for v under its name.
func (v *keptValue) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(nil, v.sequence)
	b = le.AppendUint64(b, uint64(v.time))
	b = le.AppendUint64(b, v.at.segment)
	b = le.AppendUint64(b, uint64(v.at.offset))
	return append(b, v.value...)
}

func parseKeptValue(name string, b []byte) (keptValue, error) {
	if len(b) < valueFixed {
		return keptValue{}, errBadEntry
	}
	le := binary.LittleEndian
	return keptValue{
		name: name, value: append([]byte{}, b[valueFixed:]...),
		sequence: le.Uint64(b), time: int64(le.Uint64(b[8:])),
		at: location{segment: le.Uint64(b[16:]), offset: int64(le.Uint64(b[24:])), length: uint32(1 + len(name) + len(b) - valueFixed)},
	}, nil
}

// value returns the value under name as it will be; its sequence is 0 if there is none.
func (c *changeSet) value(name string) (keptValue, error) {
	if v, ok := c.values[name]; ok {
		return v, nil
	}
	if c.before != nil {
		return c.before.value(name)
	}
	return c.index.value(name)
}

// value returns the value under name; its sequence is 0 if there is none.
func (x *index) value(name string) (keptValue, error) {
	b, err := x.lookUp(valueKey(name))
	if err != nil || b == nil {
		return keptValue{}, err
	}
	v, err := parseKeptValue(name, b)
	if err != nil {
		return keptValue{}, x.health.condemn(err)
	}
	return v, nil
}

func valueKey(name string) []byte { return append([]byte{keyValue}, name...) }

// applyValue is apply for the record of a value: of two the higher sequence wins, and
// an equal one is a copy.
func (c *changeSet) applyValue(h *format.Header, at location, name string, value []byte) error {
	c.keepRoom(h, at)
	current, err := c.value(name)
	if err == nil && h.Sequence >= current.sequence {
		c.values[name] = keptValue{name: name, value: value, sequence: h.Sequence, time: h.Time, at: at}
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
		Kind: format.KindValue, Sequence: g.state.sequence + 1, Time: g.committer.options.Clock().Unix(),
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
	v, err := s.index.value(name)
	return v.value, err
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
