package diskstore

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestFeedIsNotAhead asks for a torrent as soon as the feed tells of its removal, while
// the caller that removes it has no answer yet: it is removed for all.
func TestFeedIsNotAhead(t *testing.T) {
	s := mustOpen(t, onDisk(vfs.NewMem(), "/store"))
	const torrents = 2000
	for n := range uint64(torrents) {
		item := storetest.Torrent(storetest.V1, n, 300, 0)
		mustPut(t, s, item, store.Created)
		at, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id := item.IDs.Primary()
		serves(t, s, item)
		removed := make(chan error, 1)
		go func() { removed <- storetest.Remove(t.Context(), s, id, store.Removal{}) }()
		for {
			changes, _, err := s.Changes(t.Context(), at, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) > 0 {
				break
			}
		}
		if _, err := s.Get(t.Context(), id, nil); !errors.Is(err, store.ErrRemoved) {
			t.Errorf("Get = %v after the feed told of the removal", err)
		}
		if err := <-removed; err != nil {
			t.Fatal(err)
		}
	}
}
