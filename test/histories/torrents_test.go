//go:build e2e

package histories

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// variants is how many files each torrent has. They differ outside the info dictionary.
const variants = 3

// torrent is a torrent that concurrent calls read and change.
type torrent struct {
	hashes []string // its info hashes
	files  [variants][]byte
	etags  [variants]string
}

// newTorrent makes the n-th torrent. Every other one is a hybrid.
func newTorrent(t *testing.T, n int64) *torrent {
	t.Helper()
	name := fmt.Sprintf("torrent %d", n)
	whole := torrenttest.V1(name)
	if n%2 == 1 {
		whole = torrenttest.Hybrid(name)
	}
	var made torrent
	for i := range made.files {
		tracker := fmt.Sprintf("https://tracker%d.example.org/announce", i)
		_, rest, _ := bytes.Cut(whole, []byte("10:created by"))
		made.files[i] = fmt.Appendf(nil, "d8:announce%d:%s10:created by%s", len(tracker), tracker, rest)
		parsed, err := metainfo.Parse(made.files[i])
		if err != nil {
			t.Fatal(err)
		}
		made.etags[i] = etagOf(made.files[i])
		ids := parsed.IDs()
		made.hashes = []string{ids.V1.String()}
		if !ids.V2.IsZero() {
			made.hashes = append(made.hashes, ids.V2.String())
		}
	}
	return &made
}

// variantOf returns the number of a file, from 1; 0 if it is not a file of the torrent.
func (t *torrent) variantOf(file []byte) int {
	for i, f := range t.files {
		if bytes.Equal(f, file) {
			return i + 1
		}
	}
	return 0
}

// tagged is like variantOf, but takes the etag of the file.
func (t *torrent) tagged(etag string) int {
	for i, e := range t.etags {
		if e == etag {
			return i + 1
		}
	}
	return 0
}
