//go:build e2e

package histories

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// kind is the kind of a call.
type kind int

const (
	put kind = iota
	get
	missing
	remove
	restore
)

// call is the input of an operation on one torrent.
type call struct {
	kind    kind
	id      int // the index of the info hash by which the torrent is named
	variant int // of put: which of the torrent's files
	rank    int // of put: the rank of the writer
	where   string
}

// effect is the statement of an answer.
type effect int

const (
	unknown  effect = iota // no answer
	created                // of put
	known                  // of put: already cached
	replaced               // of put
	done                   // of put at a door whose answer does not say which; of remove and restore
	found                  // of get, with the variant
	absent                 // of get and missing; of restore: not removed
	refused                // of put and get: removed
	present                // of missing
)

// answer is the output of an operation.
type answer struct {
	effect  effect
	variant int  // of found
	held    bool // of remove: was cached; of restore: is cached
}

// state is the state of one torrent. Variant 0 means that no file is cached. A removal of a
// cached torrent covers all its info hashes; otherwise each info hash is removed separately.
type state struct {
	variant int
	rank    int
	removed uint8 // a bit for each info hash
}

// model returns the model of a torrent with that many info hashes, as package store describes it.
// Over a bucket a removal, or a restoration, of an info hash that only an unfinished upload has
// named also covers the upload's other info hashes (see Remove of s3store). So with no file
// cached, either may happen.
func model(ids int, overBucket bool) porcupine.Model {
	all := uint8(1<<ids - 1)
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{}} },
		Step: func(s, input, output any) []any {
			ok, next := step(all, s.(state), input.(call), output.(answer))
			if !ok {
				return nil
			}
			if whole := next.whole(all, input.(call)); overBucket && next != s.(state) && whole != next {
				return []any{next, whole}
			}
			return []any{next}
		},
		DescribeOperation: func(input, output any) string { return describe(input.(call), output.(answer)) },
		DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s) },
	}
	return m.ToModel()
}

// whole returns s after c under the assumption that c covered all info hashes although no file is
// cached.
func (s state) whole(all uint8, c call) state {
	switch {
	case s.variant != 0:
	case c.kind == remove:
		s.removed = all
	case c.kind == restore:
		s.removed = 0
	}
	return s
}

func step(all uint8, s state, c call, a answer) (bool, state) {
	bit := uint8(1) << c.id
	switch c.kind {
	case put:
		return stepPut(s, c, a)
	case get:
		switch {
		case s.removed&bit != 0:
			return a.effect == refused, s
		case s.variant == 0:
			return a.effect == absent, s
		}
		return a.effect == found && a.variant == s.variant, s
	case missing:
		held := s.variant != 0 && s.removed == 0
		return held == (a.effect == present), s
	case remove:
		held := s.variant != 0 && s.removed == 0
		next := s
		next.removed |= bit
		if s.variant != 0 {
			next.removed = all
		}
		return a.effect == unknown || a.effect == done && a.held == held, next
	default:
		if s.removed&bit == 0 {
			return a.effect == unknown || a.effect == absent, s
		}
		next := s
		next.removed &^= bit
		if s.variant != 0 {
			next.removed = 0
		}
		return a.effect == unknown || a.effect == done && a.held == (s.variant != 0), next
	}
}

func stepPut(s state, c call, a answer) (bool, state) {
	if s.removed != 0 {
		return a.effect == unknown || a.effect == refused, s
	}
	next, want := s, known
	switch {
	case s.variant == 0:
		next.variant, next.rank, want = c.variant, c.rank, created
	case s.variant == c.variant:
		next.rank = max(s.rank, c.rank)
	case c.rank > s.rank:
		next.variant, next.rank, want = c.variant, c.rank, replaced
	}
	return a.effect == unknown || a.effect == done || a.effect == want, next
}

var kinds = [...]string{"put", "get", "missing", "remove", "restore"}

var effects = [...]string{"no answer", "created", "already cached", "replaced", "done", "found", "absent", "removed", "present"}

func describe(c call, a answer) string {
	text := fmt.Sprintf("%s id %d", kinds[c.kind], c.id)
	if c.kind == put {
		text = fmt.Sprintf("put file %d rank %d", c.variant, c.rank)
	}
	text += " at " + c.where + ": " + effects[a.effect]
	switch {
	case a.effect == found:
		text += fmt.Sprintf(" file %d", a.variant)
	case a.effect == done && c.kind != put:
		text += fmt.Sprintf(", held %t", a.held)
	}
	return text
}
