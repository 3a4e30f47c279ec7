package mirror_test

import (
	"sync/atomic"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

const week = 7 * 24 * time.Hour

// forgetful is a node over a store on disk that drops torrents that nobody reads for a week.
type forgetful struct {
	*node
	disk  *diskstore.Store
	later atomic.Int64 // how much later it is for the store, in nanoseconds
}

func newForgetful(t *testing.T) *forgetful {
	t.Helper()
	n := &forgetful{}
	disk, err := diskstore.Open(diskstore.Options{
		Dir: t.TempDir(), Logger: silent, DropUnreadAfter: week,
		Clock: func() time.Time { return time.Now().Add(time.Duration(n.later.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	n.disk = disk
	n.node = &node{t: t, store: disk, srv: server.New(server.Options{Store: disk, Usage: disk, MaxTorrentSize: 1_000_000, Logger: silent})}
	return n
}

// drop has a period and more pass, and want torrents be dropped.
func (n *forgetful) drop(want int64) {
	n.t.Helper()
	n.later.Add(int64(week + 48*time.Hour))
	if dropped, err := n.disk.DropUnread(n.t.Context()); dropped != want || err != nil {
		n.t.Fatalf("DropUnread = %d, %v; want %d", dropped, err, want)
	}
}

// For one period, a mirror does not ask again for torrents that were dropped here. It asks about
// those that may be removed there, and removes them here, but takes no bytes.
func TestDroppedIsNotAskedFor(t *testing.T) {
	here := newForgetful(t)
	torrents := map[infohash.ID][]byte{}
	var ids []infohash.ID
	for n := range uint64(3) {
		torrent := torrenttest.Random(n, 5000)
		ids = append(ids, here.put(torrent))
		torrents[ids[n]] = torrent
	}
	dropped, gone, back := ids[0], ids[1], ids[2]
	here.drop(3)

	fresh := torrenttest.Random(9, 5000)
	last := parse(t, fresh).IDs().Primary()
	torrents[last] = fresh
	replaced := torrentcachev1.ChangeKind_CHANGE_KIND_REPLACED
	source := func() *script {
		return &script{
			changes: func(after string, yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
				if after == "" {
					yield(&torrentcachev1.WatchChangesResponse{Cursor: "1", Changes: []*torrentcachev1.Change{
						change(added, dropped), change(replaced, dropped), change(removed, gone),
						change(removed, back), change(restored, back), change(added, last),
					}}, nil)
				}
				<-t.Context().Done()
			},
			read: func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
				if id == gone {
					return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Removal: &torrentcachev1.RemovalNotice{Origin: "there"}}
				}
				return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Torrent: torrents[id]}
			},
		}
	}
	first := source()
	here.follow("first:1", first)
	eventually(t, "the last one and the removal are here", func() bool { return here.has(last) && here.removal(gone) != nil })
	first.mu.Lock()
	for _, id := range first.asked {
		if id == dropped {
			t.Error("what was dropped was asked for")
		}
	}
	first.mu.Unlock()
	if here.has(dropped) || here.has(back) {
		t.Error("what was dropped is here again")
	}

	here.later.Add(int64(week + time.Hour))
	here.follow("second:1", source(), func(o *mirror.Options) { o.Removals = mirror.Ignore })
	eventually(t, "a period later they are here again", func() bool { return here.has(dropped) && here.has(back) })
}
