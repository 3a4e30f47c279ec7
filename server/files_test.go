package server

import (
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
)

func FuzzPageToken(f *testing.F) {
	one, other := infohash.V1([20]byte{1}), infohash.V2([32]byte{2})
	for _, seed := range []string{"", "x", "====", pageToken(1, one), pageToken(1<<30, one), pageToken(7, other), pageToken(-1, one)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		start, ok := readPageToken(token, one)
		if ok && (start <= 0 || pageToken(start, one) != token) {
			t.Errorf("%q was taken for page %d, whose token is %q", token, start, pageToken(start, one))
		}
		if _, foreign := readPageToken(token, other); ok && foreign {
			t.Errorf("%q is of two torrents", token)
		}
	})
}

func TestPageTokenIsReadBack(t *testing.T) {
	id := infohash.V1([20]byte{1, 2, 3})
	for _, start := range []int{1, 100, 1 << 30} {
		if got, ok := readPageToken(pageToken(start, id), id); !ok || got != start {
			t.Errorf("%d: got %d, %v", start, got, ok)
		}
	}
}
