package main

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// sample is a torrent from which many others can be made quickly.
type sample struct {
	bytes []byte
	hash  string
	at    int // offset of the first piece's hash
}

// newSample returns a torrent of about size bytes, always the same.
func newSample(size int) (sample, error) {
	s := sample{bytes: torrenttest.Random(1, size)}
	t, err := metainfo.Parse(s.bytes)
	if err != nil {
		return sample{}, err
	}
	s.hash = t.IDs().Primary().String()
	const key = "6:pieces"
	begin := bytes.Index(s.bytes, []byte(key)) + len(key)
	colon := bytes.IndexByte(s.bytes[begin:], ':')
	if begin < len(key) || colon < 0 {
		return sample{}, errors.New("the sample has no pieces")
	}
	s.at = begin + colon + 1
	return s, nil
}

// number changes b, a copy of the sample, into torrent number n.
func (s sample) number(b []byte, n uint64) { binary.BigEndian.PutUint64(b[s.at:], n) }
