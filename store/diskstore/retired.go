package diskstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/torrentcache/torrentcache/store"
)

// retiredName is the named value that lists the segments which were taken away on
// purpose, as text: 1-4,7. It tells them from those that are missing, also to an index
// that is built anew. A segment is listed before its file goes.
const retiredName = "diskstore.retired"

// span is a row of segments, both ends included.
type span struct{ first, last uint64 }

// spans are segments in rising order, of which no two rows touch.
type spans []span

// parseSpans reads what String wrote.
func parseSpans(text string) (spans, error) {
	var all spans
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

// String returns the text that parseSpans reads.
func (s spans) String() string {
	parts := make([]string, len(s))
	for i, one := range s {
		parts[i] = strconv.FormatUint(one.first, 10)
		if one.last > one.first {
			parts[i] += "-" + strconv.FormatUint(one.last, 10)
		}
	}
	return strings.Join(parts, ",")
}

// has reports whether a segment is among them.
func (s spans) has(segment uint64) bool {
	for _, one := range s {
		if one.first <= segment && segment <= one.last {
			return true
		}
	}
	return false
}

// with returns them and one more segment.
func (s spans) with(segment uint64) spans {
	if s.has(segment) {
		return s
	}
	var all spans
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

// without returns them but for one segment.
func (s spans) without(segment uint64) spans {
	var all spans
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

// retired returns the segments that were taken away.
func (c *changeSet) retired() (spans, error) {
	v, err := c.value(retiredName)
	if err != nil {
		return nil, err
	}
	return parseSpans(string(v.Data))
}

// noteRetired writes into the log that a segment, of which nothing is needed, is about to
// be taken away or is given up, by spans.with, or that it is there again, by spans.without.
func (s *Store) noteRetired(ctx context.Context, segment uint64, change func(spans, uint64) spans) error {
	v, err := s.index.Value(retiredName)
	if err != nil {
		return err
	}
	const oneMore = 3 * 21 // digits, commas or hyphens
	return s.do(ctx, valueSize(retiredName, v.Data)+oneMore, func(g *group) (store.Outcome, error) {
		all, err := g.retired()
		if err != nil {
			return 0, err
		}
		next := change(all, segment)
		if next.has(segment) {
			g.Accounts[segment] = nil
		}
		return 0, g.setValue(retiredName, []byte(next.String()))
	})
}
