package fastpath

import (
	"bytes"
	"slices"
)

// Template is the header of an answer with gaps for what differs from one torrent
// to the next: what [Capture] gives for one, without calling the handler again.
// It never changes and is safe for concurrent use.
type Template struct {
	pieces [][]byte // one more than gaps
	gaps   []int    // which value stands behind each piece
}

// NewTemplate returns the header of a with gaps in the places of specimens, values
// that no header has by chance; nil if one of them does not stand in it exactly once.
func NewTemplate(a *Answer, specimens ...string) *Template {
	if a == nil || !a.found {
		return nil
	}
	places := make([]int, len(specimens))
	order := make([]int, len(specimens))
	for i, value := range specimens {
		if bytes.Count(a.header, []byte(value)) != 1 {
			return nil
		}
		places[i], order[i] = bytes.Index(a.header, []byte(value)), i
	}
	slices.SortFunc(order, func(i, j int) int { return places[i] - places[j] })
	t := &Template{gaps: order}
	from := 0
	for _, i := range order {
		if places[i] < from {
			return nil // one within another
		}
		t.pieces = append(t.pieces, a.header[from:places[i]])
		from = places[i] + len(specimens[i])
	}
	t.pieces = append(t.pieces, a.header[from:])
	return t
}

// Append appends to b the header with values, in the order of the specimens, in
// the gaps.
func (t *Template) Append(b []byte, values ...string) []byte {
	for i, gap := range t.gaps {
		b = append(b, t.pieces[i]...)
		b = append(b, values[gap]...)
	}
	return append(b, t.pieces[len(t.gaps)]...)
}
