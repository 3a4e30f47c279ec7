package commit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/store/diskstore/internal/index"
)

// RetiredName is the named value that lists the segments which were taken away on
// purpose, as text: 1-4,7. It tells them from those that are missing, also to an index
// that is built anew. A segment is listed before its file goes.
const RetiredName = "diskstore.retired"

// span is a row of segments, both ends included.
type span struct{ first, last uint64 }

// Spans are segments in rising order, of which no two rows touch.
type Spans []span

// ParseSpans reads what String wrote.
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
			return nil, fmt.Errorf("%q is no list of segments", text)
		}
		all = append(all, span{first, last})
	}
	return all, nil
}

// String returns the text that ParseSpans reads.
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

// Has reports whether a segment is among them.
func (s Spans) Has(segment uint64) bool {
	for _, one := range s {
		if one.first <= segment && segment <= one.last {
			return true
		}
	}
	return false
}

// With returns them and one more segment.
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

// Without returns them but for one segment.
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

// Retired returns the segments that were taken away.
func (c *ChangeSet) Retired() (Spans, error) {
	v, err := c.value(RetiredName)
	if err != nil {
		return nil, err
	}
	return ParseSpans(string(v.Data))
}

// Retire notes that a segment, of which nothing is needed, is about to be taken away or is
// given up, by Spans.With, or that it is there again, by Spans.Without. It takes at most
// RetireSize bytes.
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

// ForgetAccount takes the account of a segment away.
func (c *ChangeSet) ForgetAccount(segment uint64) { c.Accounts[segment] = nil }

// RetireSize returns how many bytes Retire takes where the index knows v.
func RetireSize(v index.Value) int64 {
	const oneMore = 3 * 21 // digits, commas or hyphens
	return ValueSize(RetiredName, v.Data) + oneMore
}
