// Package bencode reads bencoded messages (BEP 3) of peers, trackers and nodes in place, without
// allocating. It bounds the nesting of a message; its callers bound the length.
package bencode

import (
	"bytes"
	"errors"
	"iter"
	"strconv"
)

// maxDepth bounds the nesting of lists and dictionaries. No message needs more than four levels.
const maxDepth = 32

// maxNumber bounds the digits of a number, including its sign.
const maxNumber = 20

// ErrMalformed says that bytes are not bencoded.
var ErrMalformed = errors.New("malformed bencoding")

// Cut splits b after the encoded value that b begins with.
func Cut(b []byte) (value, rest []byte, err error) {
	at, depth := 0, 0
	for {
		n, opened := token(b[at:])
		depth += opened
		if n == 0 || depth < 0 || depth > maxDepth {
			return nil, nil, ErrMalformed
		}
		if at += n; depth == 0 {
			return b[:at], b[at:], nil
		}
	}
}

// token returns the length of the token that b begins with, and the change of depth that the
// token makes. The length is 0 if b does not begin with a token.
func token(b []byte) (length, opened int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch b[0] {
	case 'd', 'l':
		return 1, 1
	case 'e':
		return 1, -1
	case 'i':
		end := bytes.IndexByte(b[:min(len(b), maxNumber+2)], 'e')
		if _, ok := number(b, 1, end); !ok {
			return 0, 0
		}
		return end + 1, 0
	}
	colon := bytes.IndexByte(b[:min(len(b), maxNumber+1)], ':')
	n, ok := number(b, 0, colon)
	if !ok || n < 0 || n > int64(len(b)-colon-1) {
		return 0, 0
	}
	return colon + 1 + int(n), 0
}

// number reads b[from:to]. It returns false if to is not above from.
func number(b []byte, from, to int) (int64, bool) {
	if to <= from || b[from] == '+' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b[from:to]), 10, 64)
	return n, err == nil
}

// String returns the content of a string; false if value is not a string.
func String(value []byte) ([]byte, bool) {
	if len(value) == 0 || value[0] < '0' || value[0] > '9' {
		return nil, false
	}
	_, content, ok := bytes.Cut(value, []byte{':'})
	return content, ok
}

// Int returns the number of an integer; false if value is not an integer.
func Int(value []byte) (int64, bool) {
	if len(value) < 3 || value[0] != 'i' {
		return 0, false
	}
	return number(value, 1, len(value)-1)
}

// Lookup returns the value of key in dict, the first one if the key repeats. It returns nil if
// dict is not a dictionary or does not have the key.
func Lookup(dict []byte, key string) []byte {
	for name, value := range pairs(dict) {
		if string(name) == key {
			return value
		}
	}
	return nil
}

// pairs yields the keys and values of a dictionary, up to the first malformed one.
func pairs(dict []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		var key []byte
		isKey := true
		for item := range items(dict, 'd') {
			if isKey {
				var ok bool
				if key, ok = String(item); !ok {
					return
				}
			} else if !yield(key, item) {
				return
			}
			isKey = !isKey
		}
	}
}

// Items yields the values of a list, up to the first malformed one. It yields nothing if list is
// not a list.
func Items(list []byte) iter.Seq[[]byte] { return items(list, 'l') }

func items(container []byte, kind byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if len(container) == 0 || container[0] != kind {
			return
		}
		for rest := container[1:]; len(rest) > 0 && rest[0] != 'e'; {
			value, after, err := Cut(rest)
			if err != nil || !yield(value) {
				return
			}
			rest = after
		}
	}
}

// AppendString appends s to b as a bencoded string.
func AppendString(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	return append(b, s...)
}
