package metainfo

import (
	"bytes"
	"iter"
	"math"
)

// The functions of this file read bytes that scan found to be well-formed. On other bytes they
// may panic.

// span is a range of bytes of the file, from start up to but not including end: a whole value,
// or the content of a string. The zero span is an absent value; only the outer dictionary begins
// at byte 0.
type span struct{ start, end int }

func (s span) found() bool { return s.end > 0 }

func (s span) len() int { return s.end - s.start }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// is reports whether s is a value that begins with first: 'd', 'l' or 'i'.
func (s span) is(b []byte, first byte) bool { return s.found() && b[s.start] == first }

func (s span) isString(b []byte) bool { return s.found() && isDigit(b[s.start]) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// stringAt returns the content of the string at pos and the offset after it.
func stringAt(b []byte, pos int) (content span, next int) {
	n := 0
	for ; b[pos] != ':'; pos++ {
		n = n*10 + int(b[pos]-'0')
	}
	return span{pos + 1, pos + 1 + n}, pos + 1 + n
}

// content returns the content of the string s.
func (s span) content(b []byte) span {
	c, _ := stringAt(b, s.start)
	return c
}

// integer returns the value of the integer s; ok is false if it does not fit.
func (s span) integer(b []byte) (n int64, ok bool) {
	digits := b[s.start+1 : s.end-1]
	negative := digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	for _, c := range digits {
		d := int64(c - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	if negative {
		n = -n
	}
	return n, true
}

// skip returns the offset after the value at pos.
func skip(b []byte, pos int) int {
	for depth := 0; ; {
		switch b[pos] {
		case 'i':
			pos += bytes.IndexByte(b[pos:], 'e') + 1
		case 'd', 'l':
			depth++
			pos++
		case 'e':
			depth--
			pos++
		default:
			_, pos = stringAt(b, pos)
		}
		if depth == 0 {
			return pos
		}
	}
}

// pairs yields the contents of the keys and the values of the dictionary.
func pairs(b []byte, dict span) iter.Seq2[span, span] {
	return func(yield func(key, value span) bool) {
		for pos := dict.start + 1; b[pos] != 'e'; {
			key, start := stringAt(b, pos)
			pos = skip(b, start)
			if !yield(key, span{start, pos}) {
				return
			}
		}
	}
}

// items yields the values of the list.
func items(b []byte, list span) iter.Seq[span] {
	return func(yield func(value span) bool) {
		for pos := list.start + 1; b[pos] != 'e'; {
			start := pos
			pos = skip(b, pos)
			if !yield(span{start, pos}) {
				return
			}
		}
	}
}

// first sets *s to value unless a value of the same key has set it: the first of duplicate keys
// counts, as in libtorrent.
func (s *span) first(value span) {
	if !s.found() {
		*s = value
	}
}
