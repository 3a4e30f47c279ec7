package commit

import (
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// value returns the value under name as it will be; its sequence is 0 if there is none.
func (c *ChangeSet) value(name string) (index.Value, error) {
	if v, ok := c.Values[name]; ok {
		return v, nil
	}
	if c.before != nil {
		return c.before.value(name)
	}
	return c.index.Value(name)
}

// ApplyValue is Apply for the record of a value: of two the higher sequence wins, and
// an equal one is a copy.
func (c *ChangeSet) ApplyValue(h *format.Header, at format.Place, name string, value []byte) error {
	c.KeepRoom(h, at)
	current, err := c.value(name)
	if err == nil && h.Sequence >= current.Sequence {
		c.Values[name] = index.Value{Name: name, Data: value, Sequence: h.Sequence, Time: h.Time, At: at}
	}
	return err
}

// SetValue appends the record of a value.
func (g *Group) SetValue(name string, value []byte) error {
	if g.noRoomAtAll != nil {
		return g.noRoomAtAll
	}
	body := format.AppendValue(nil, name, value)
	h := &format.Header{
		Kind: format.KindValue, Sequence: g.State.Sequence + 1, Time: g.committer.options.Clock().Unix(),
		Length: uint32(len(body)), BodySum: format.Checksum(body),
	}
	if err := g.ApplyValue(h, g.next(h), name, value); err != nil {
		return err
	}
	g.add(h, body)
	return nil
}

// ValueSize returns the bytes that the record of a value takes.
func ValueSize(name string, value []byte) int64 { return format.RecordSize(1 + len(name) + len(value)) }
