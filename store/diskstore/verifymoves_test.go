package diskstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestVerifyWhileCompacting compacts segments while a verification goes through them, at
// different moments: every torrent is checked once.
func TestVerifyWhileCompacting(t *testing.T) {
	const count = 60
	for _, at := range []int{1, 10, 30, 59} {
		s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
		for seed := range uint64(count) {
			mustPut(t, s, storetest.Torrent(storetest.Shape(seed%3), seed, 3000, 0), store.Created)
		}
		seen := map[infohash.ID]int{}
		r, err := s.Verify(t.Context(), VerifyOptions{Check: func(torrent store.Torrent) error {
			seen[torrent.IDs.Primary()]++
			if len(seen) != at {
				return nil
			}
			for _, id := range s.segments.IDs() {
				c := &compaction{store: s, now: s.options.Clock().Unix()}
				if err := c.segment(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
			return nil
		}})
		if err != nil || r.Checked != count || len(r.Damaged) > 0 || len(seen) != count {
			t.Errorf("compacted after %d: Verify = %+v, %v, %d torrents were seen of %d", at, r, err, len(seen), count)
		}
	}
}
