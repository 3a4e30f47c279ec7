package index

import (
	"encoding/binary"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
)

// Value is a named value and the place of its record.
type Value struct {
	Name     string
	Data     []byte
	Sequence uint64
	Time     int64 // seconds since 1970
	At       format.Place
}

// valueFixed is the size in bytes of an encoded Value without the value.
const valueFixed = 4 * 8

// encode returns the value that the index stores for v under its name.
func (v *Value) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(nil, v.Sequence)
	b = le.AppendUint64(b, uint64(v.Time))
	b = le.AppendUint64(b, v.At.Segment)
	b = le.AppendUint64(b, uint64(v.At.Offset))
	return append(b, v.Data...)
}

func parseValue(name string, b []byte) (Value, error) {
	if len(b) < valueFixed {
		return Value{}, ErrBadEntry
	}
	le := binary.LittleEndian
	return Value{
		Name: name, Data: append([]byte{}, b[valueFixed:]...),
		Sequence: le.Uint64(b), Time: int64(le.Uint64(b[8:])),
		At: format.Place{Segment: le.Uint64(b[16:]), Offset: int64(le.Uint64(b[24:])), Length: uint32(1 + len(name) + len(b) - valueFixed)},
	}, nil
}

// Value returns the value under name; its sequence is 0 if there is none.
func (x *Index) Value(name string) (Value, error) {
	b, err := x.lookUp(valueKey(name))
	if err != nil || b == nil {
		return Value{}, err
	}
	v, err := parseValue(name, b)
	if err != nil {
		return Value{}, x.health.condemn(err)
	}
	return v, nil
}

// ValuesIn returns the named values whose records are in a part of the log.
func (x *Index) ValuesIn(in Region) (values []Value, err error) {
	return values, x.each(keyValue, func(key, value []byte) error {
		v, err := parseValue(string(key[1:]), value)
		if err == nil && in(v.At) {
			values = append(values, v)
		}
		return err
	})
}
