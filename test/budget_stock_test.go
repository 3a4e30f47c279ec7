//go:build e2e

package test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

const (
	largeSize, mediumSize   = 9_900_000, 245_000 // in bytes
	largeCount, mediumCount = 20, 1500
)

// stock is a data folder with torrents that raids ask for by their info hashes.
type stock struct {
	dir    string
	large  []string // of 9.9 MB each
	medium []string // of 245 KB each
	wordy  []string // have very long descriptions
	small  cachedTorrent

	mold mold          // makes more large torrents
	made atomic.Uint64 // number of torrents made from mold
}

// cachedTorrent is a torrent and its info hash.
type cachedTorrent struct {
	torrent []byte
	hash    string
}

// path returns the path of the torrent's download.
func (c cachedTorrent) path() string { return downloadPath(c.hash) }

func downloadPath(hash string) string { return "/torrent/" + hash + ".torrent" }

// fillStock returns a stock in a new folder.
func fillStock(t *testing.T) *stock {
	t.Helper()
	s := startServer(t, "--log-level", "error")
	defer s.stop(t, syscall.SIGTERM)
	st := &stock{dir: s.DataDir, mold: newMold(largeSize)}
	medium := newMold(mediumSize)
	st.large = cacheAll(t, s, largeCount, func(int) []byte { return st.next() })
	st.medium = cacheAll(t, s, mediumCount, func(i int) []byte { return medium.torrent(uint64(i)) })
	wordy := [][]byte{longComment(), manyFiles(), manyTrackers()}
	st.wordy = cacheAll(t, s, len(wordy), func(i int) []byte { return wordy[i] })
	st.small.torrent = torrenttest.Random(1, 20_000)
	st.small.hash = cacheAll(t, s, 1, func(int) []byte { return st.small.torrent })[0]
	return st
}

// next returns a new large torrent.
func (st *stock) next() []byte { return st.mold.torrent(st.made.Add(1)) }

// cacheAll caches n torrents, a few at a time, and returns their info hashes in order.
func cacheAll(t *testing.T, s *server, n int, torrent func(i int) []byte) []string {
	t.Helper()
	hashes, client := make([]string, n), dial(t, s)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				resp, err := client.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent(i)})
				if err != nil {
					t.Error(err)
					return
				}
				hashes[i] = resp.GetInfoHash()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return hashes
}

// mold makes torrents of one size with different info hashes and the same pieces, which do not
// compress. It costs less than random torrents, because most bytes are shared.
type mold struct {
	head   string // a format with a verb for the number; formatted, its length is a multiple of 3 bytes
	tail   []byte
	digits string // of tail in base64
}

func newMold(size int) mold {
	const name = "a torrent that has number %012d"
	filled := fmt.Sprintf(name, 0)
	pieces := torrenttest.Data(uint64(size), size/20*20)
	torrent := torrenttest.Bencode(torrenttest.Dict{"info": torrenttest.Dict{
		"length": int64(len(pieces)) / 20 << 18, "name": filled, "piece length": 1 << 18, "pieces": pieces,
	}})
	end := bytes.Index(torrent, []byte(filled)) + len(filled)
	end += (3 - end%3) % 3
	head := strings.Replace(string(torrent[:end]), filled, name, 1)
	return mold{head, torrent[end:], base64.StdEncoding.EncodeToString(torrent[end:])}
}

// torrent returns the n-th torrent.
func (m mold) torrent(n uint64) []byte {
	return append(fmt.Appendf(make([]byte, 0, len(m.head)+len(m.tail)+16), m.head, n), m.tail...)
}

// body returns a request body and its length. The body has the n-th torrent, in base64 if encoded
// is set, between before and after.
func (m mold) body(n uint64, before, after string, encoded bool) (body io.Reader, length int64) {
	head, tail := []byte(fmt.Sprintf(m.head, n)), io.NewSectionReader(bytes.NewReader(m.tail), 0, int64(len(m.tail)))
	if encoded {
		head = []byte(base64.StdEncoding.EncodeToString(head))
		tail = io.NewSectionReader(strings.NewReader(m.digits), 0, int64(len(m.digits)))
	}
	length = int64(len(before)+len(head)+len(after)) + tail.Size()
	return io.MultiReader(strings.NewReader(before), bytes.NewReader(head), tail, strings.NewReader(after)), length
}

// longComment returns a torrent with a comment that is six times as long in JSON.
func longComment() []byte {
	return wordyTorrent("a comment", "comment", strings.Repeat("\x01", largeSize), nil)
}

// manyFiles returns a torrent of 200,000 files.
func manyFiles() []byte {
	var files torrenttest.List
	for i := range 200_000 {
		files = append(files, torrenttest.Dict{"length": 1, "path": torrenttest.List{fmt.Sprintf("%05x", i)}})
	}
	return wordyTorrent("files", "comment", "", files)
}

// manyTrackers returns a torrent with 300,000 trackers, each in a tier of its own.
func manyTrackers() []byte {
	var tiers torrenttest.List
	for i := range 300_000 {
		tiers = append(tiers, torrenttest.List{fmt.Sprintf("http://a.example/%05x", i)})
	}
	return wordyTorrent("trackers", "announce-list", tiers, nil)
}

// wordyTorrent returns a torrent with one key outside its info dictionary. It has the given
// files, or one file if files is nil.
func wordyTorrent(name, key string, value any, files torrenttest.List) []byte {
	info := torrenttest.Dict{"name": name, "piece length": 1 << 18, "pieces": strings.Repeat("x", 20)}
	if files == nil {
		info["length"] = 1
	} else {
		info["files"] = files
	}
	return torrenttest.Bencode(torrenttest.Dict{key: value, "info": info})
}
