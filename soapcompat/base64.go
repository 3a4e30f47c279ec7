package soapcompat

import (
	"encoding/base64"
	"errors"

	"github.com/torrentcache/torrentcache/internal/reason"
)

const (
	// firstBuffer is how much memory a torrent in base64 gets to begin with, in
	// bytes, and bufferGrowth by how much that grows each time it is full.
	firstBuffer  = 64 << 10
	bufferGrowth = 16
)

// base64Text decodes text that comes in pieces. As PHP's base64_decode it takes
// line breaks and spaces anywhere, and padding that is there or not. Memory grows
// with what has arrived, and holds the result alone: the digits are never
// together. It is used by one goroutine.
type base64Text struct {
	most    int    // what the memory need never be larger than, in bytes
	b       []byte // what is decoded, then up to 3 digits that wait for more; never nil
	decoded int    // how much of b is decoded
	digits  int64  // decoded so far
	padding bool   // a = was there, and nothing but such since
	err     error  // where the text is no base64
}

func newBase64Text(most int64) base64Text { return base64Text{most: int(most), b: []byte{}} }

// reset forgets the text and keeps its memory, that of what end returned included.
func (t *base64Text) reset() { *t = base64Text{most: t.most, b: t.b[:0]} }

// write takes the next piece of the text. Once the text is no base64 it does nothing.
func (t *base64Text) write(text []byte) {
	if t.err != nil {
		return
	}
	t.grow(len(text) + 1)
	for _, c := range text {
		switch c {
		case ' ', '\n', '\r', '\t':
			continue
		case '=':
			t.padding = true
			continue
		}
		if t.padding { // padding in the middle is a digit, and a wrong one
			t.padding = false
			t.b = append(t.b, '=')
		}
		t.b = append(t.b, c)
	}
	t.decode((len(t.b) - t.decoded) &^ 3)
}

// grow makes room for n more bytes.
func (t *base64Text) grow(n int) {
	need := len(t.b) + n
	if need <= cap(t.b) {
		return
	}
	larger := make([]byte, len(t.b), max(need, min(max(firstBuffer, bufferGrowth*cap(t.b)), t.most)))
	copy(larger, t.b)
	t.b = larger
}

// decode decodes the first n digits that wait. In place is safe: 4 digits are
// read before their 3 bytes are written.
func (t *base64Text) decode(n int) {
	waiting := t.b[t.decoded:]
	size, err := base64.RawStdEncoding.Decode(waiting, waiting[:n])
	if at, ok := errors.AsType[base64.CorruptInputError](err); ok {
		t.err = at + base64.CorruptInputError(t.digits)
		return
	}
	rest := copy(waiting[size:], waiting[n:])
	t.digits += int64(n)
	t.decoded += size
	t.b = t.b[:t.decoded+rest]
}

// end returns what the text holds; TORRENT_INVALID if it is no base64.
func (t *base64Text) end() ([]byte, *reason.Error) {
	if t.err == nil {
		t.decode(len(t.b) - t.decoded)
	}
	if t.err != nil {
		return t.b, reason.New(reason.TorrentInvalid, "The torrent is not base64: %v.", t.err)
	}
	return t.b, nil
}
