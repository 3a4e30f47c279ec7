package server

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// puts is a store that notes how many items each put had, and does something
// before one.
type puts struct {
	store.Store
	sizes  []int
	before map[int]func() // by the number of the put
}

func (p *puts) Put(ctx context.Context, items []store.Item) []store.Result {
	if before := p.before[len(p.sizes)]; before != nil {
		before()
	}
	p.sizes = append(p.sizes, len(items))
	return p.Store.Put(ctx, items)
}

// batchOf returns uploads of these torrents, of that rank.
func batchOf(t *testing.T, rank store.Rank, torrents ...[]byte) []*upload {
	t.Helper()
	var batch []*upload
	for _, torrent := range torrents {
		parsed, err := metainfo.Parse(torrent)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, &upload{torrent: parsed, rank: rank})
	}
	return batch
}

// withComment returns the torrent with a comment that nobody vouches for.
func withComment(torrent []byte, comment string) []byte {
	return append(fmt.Appendf(nil, "d7:comment%d:%s", len(comment), comment), torrent[1:]...)
}

// The uploads of a batch that outrank the stored files go to the store in one put. An upload that
// meets a change goes there again by itself.
func TestABatchOutranks(t *testing.T) {
	st := &puts{Store: memstore.New()}
	var told []infohash.Set
	s := New(Options{Store: st, MaxTorrentSize: 1 << 20, OnChange: func(ids infohash.Set) { told = append(told, ids) }})
	var anonymous, keyed [][]byte
	for n := range 10 {
		torrent := torrenttest.V1(fmt.Sprint(n))
		anonymous, keyed = append(anonymous, withComment(torrent, "a")), append(keyed, withComment(torrent, "k"))
	}
	s.storeUploads(t.Context(), batchOf(t, store.RankAnonymous, anonymous...))
	st.sizes, told = nil, nil
	st.before = map[int]func(){1: func() {
		rival := batchOf(t, store.RankAnonymous, anonymous[3])[0].torrent
		it := replacing(t.Context(), batchOf(t, store.RankAnonymous, withComment(torrenttest.V1("3"), "r"))[0].torrent, store.RankAnonymous, store.Torrent{Version: store.VersionOf(rival.Bytes())})
		if r := st.Store.Put(t.Context(), []store.Item{it})[0]; r.Err != nil || r.Outcome != store.Replaced {
			t.Error(r)
		}
	}}
	batch := batchOf(t, store.RankKeyed, keyed...)
	s.storeUploads(t.Context(), batch)
	for i, u := range batch {
		if u.err != nil || u.outcome != torrentcachev1.Outcome_OUTCOME_REPLACED {
			t.Errorf("item %d: %s, %v", i, u.outcome, u.err)
		}
		got, err := st.Get(t.Context(), u.torrent.IDs().Primary(), nil)
		if err != nil || !bytes.Equal(got.Bytes, keyed[i]) || got.Rank != store.RankKeyed {
			t.Errorf("item %d: rank %d, %v", i, got.Rank, err)
		}
	}
	if want := "[10 10 1 1]"; fmt.Sprint(st.sizes) != want {
		t.Errorf("puts of %v items, want %s", st.sizes, want)
	}
	if len(told) != len(keyed) {
		t.Errorf("%d changes are told of %d", len(told), len(keyed))
	}
}
