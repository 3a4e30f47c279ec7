package commit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// value returns the value of name after the set is applied; its sequence is 0 if there is none.
func (c *ChangeSet) value(name string) (index.Value, error) {
	if v, ok := c.Values[name]; ok {
		return v, nil
	}
	if c.before != nil {
		return c.before.value(name)
	}
	return c.index.Value(name)
}

// ApplyValue is Apply for the record of a value: the higher sequence wins, and an equal one is a
// copy.
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

// RetiredName is the named value that lists the segments that were deleted on purpose, as text:
// 1-4,7. Even a rebuilt index can so tell them from missing segments. A segment is listed before
// its file is deleted.
const RetiredName = "diskstore.retired"

// span is a range of segments, both ends included.
type span struct{ first, last uint64 }

// Spans are sets of segments, as ranges in ascending order that do not touch.
type Spans []span

// ParseSpans decodes the result of String.
func ParseSpans(text string) (Spans, error) {
	var all Spans
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		from, to, isRow := strings.Cut(part, "-")
		first, err := strconv.ParseUint(from, 10, 64)
		last := first
		if isRow && err == nil {
			last, err = strconv.ParseUint(to, 10, 64)
		}
		if err != nil || last < first {
			return nil, fmt.Errorf("%q is not a list of segments", text)
		}
		all = append(all, span{first, last})
	}
	return all, nil
}

// String returns the text form that ParseSpans decodes.
func (s Spans) String() string {
	parts := make([]string, len(s))
	for i, one := range s {
		parts[i] = strconv.FormatUint(one.first, 10)
		if one.last > one.first {
			parts[i] += "-" + strconv.FormatUint(one.last, 10)
		}
	}
	return strings.Join(parts, ",")
}

// Has reports whether the set contains a segment.
func (s Spans) Has(segment uint64) bool {
	for _, one := range s {
		if one.first <= segment && segment <= one.last {
			return true
		}
	}
	return false
}

// With returns the set with one more segment.
func (s Spans) With(segment uint64) Spans {
	if s.Has(segment) {
		return s
	}
	var all Spans
	added := span{segment, segment}
	for _, one := range s {
		switch {
		case one.last+1 < added.first:
			all = append(all, one)
		case added.last+1 < one.first:
			all = append(all, added)
			added = one
		default:
			added = span{min(one.first, added.first), max(one.last, added.last)}
		}
	}
	return append(all, added)
}

// Without returns the set without one segment.
func (s Spans) Without(segment uint64) Spans {
	var all Spans
	for _, one := range s {
		if segment < one.first || segment > one.last {
			all = append(all, one)
			continue
		}
		if one.first < segment {
			all = append(all, span{one.first, segment - 1})
		}
		if segment < one.last {
			all = append(all, span{segment + 1, one.last})
		}
	}
	return all
}

// Retired returns the segments that were deleted on purpose.
func (c *ChangeSet) Retired() (Spans, error) {
	v, err := c.value(RetiredName)
	if err != nil {
		return nil, err
	}
	return ParseSpans(string(v.Data))
}

// Retire records that a segment that nothing needs is about to be deleted or is given up
// (Spans.With), or that it is back (Spans.Without). It takes at most RetireSize bytes.
func (g *Group) Retire(segment uint64, change func(Spans, uint64) Spans) error {
	all, err := g.Retired()
	if err != nil {
		return err
	}
	next := change(all, segment)
	if next.Has(segment) {
		g.ForgetAccount(segment)
	}
	return g.SetValue(RetiredName, []byte(next.String()))
}

// ForgetAccount deletes the account of a segment.
func (c *ChangeSet) ForgetAccount(segment uint64) { c.Accounts[segment] = nil }

// RetireSize returns the maximum size of the record of Retire if the index has v.
func RetireSize(v index.Value) int64 {
	const oneMore = 3 * 21 // digits, commas or hyphens
	return ValueSize(RetiredName, v.Data) + oneMore
}
