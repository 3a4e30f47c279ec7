package torrenttest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Dict is a bencoded dictionary; [Bencode] writes its keys in sorted order.
type Dict map[string]any

// Pair is one entry of a [Pairs].
type Pair struct {
	Key   string
	Value any
}

// Pairs is a bencoded dictionary that [Bencode] writes in exactly this order, including duplicate
// keys.
type Pairs []Pair

// List is a bencoded list.
type List []any

// Raw is written to the output unchanged, well-formed or not.
type Raw string

// Bencode encodes v: a string, []byte, int, int64, [Dict], [Pairs], [List] or [Raw], at any
// nesting. It panics on any other type.
func Bencode(v any) []byte { return appendValue(nil, v) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case Raw:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []byte:
		return appendString(b, string(v))
	case int:
		return appendInt(b, int64(v))
	case int64:
		return appendInt(b, v)
	case List:
		b = append(b, 'l')
		for _, item := range v {
			b = appendValue(b, item)
		}
		return append(b, 'e')
	case Dict:
		return appendPairs(b, sorted(v))
	case Pairs:
		return appendPairs(b, v)
	}
	panic(fmt.Sprintf("torrenttest: cannot bencode a %T", v))
}

func appendString(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}

func appendInt(b []byte, n int64) []byte {
	b = append(b, 'i')
	b = strconv.AppendInt(b, n, 10)
	return append(b, 'e')
}

func appendPairs(b []byte, pairs Pairs) []byte {
	b = append(b, 'd')
	for _, p := range pairs {
		b = appendString(b, p.Key)
		b = appendValue(b, p.Value)
	}
	return append(b, 'e')
}

func sorted(d Dict) Pairs {
	pairs := make(Pairs, 0, len(d))
	for k, v := range d {
		pairs = append(pairs, Pair{k, v})
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Key, b.Key) })
	return pairs
}
