package server_test

import (
	"context"
	"slices"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

// removing is a store that does something just before it removes.
type removing struct {
	store.Store
	before func(ctx context.Context)
}

func (r *removing) Remove(ctx context.Context, ids []infohash.ID, removal store.Removal) []store.Removed {
	r.before(ctx)
	return r.Store.Remove(ctx, ids, removal)
}

// newRemoving returns a server over st and the changes that the server tells.
func newRemoving(t *testing.T, st store.Store) (*servertest.Harness, *[]infohash.Set) {
	t.Helper()
	var told []infohash.Set
	return servertest.New(t, servertest.InProcess, func(o *servertest.Options) {
		o.Store, o.OnChange = st, func(ids infohash.Set) { told = append(told, ids) }
	}), &told
}

// A torrent that is uploaded while one of its ids is removed in advance is
// removed with all of its ids, and a door may hold it under any of them.
func TestRemovalTellsAllIDsOfAnUploadInBetween(t *testing.T) {
	st := &removing{Store: memstore.New()}
	h, told := newRemoving(t, st)
	torrent := torrenttest.Hybrid("a")
	var uploaded *torrentcachev1.CacheTorrentResponse
	st.before = func(context.Context) {
		for i := range 5 { // there may be other news, too
			h.Put(t, torrenttest.Random(uint64(i), 500))
		}
		uploaded = h.Put(t, torrent)
		*told = nil
	}
	other := servertest.New(t, servertest.InProcess)
	id := other.Put(t, torrent).GetInfoHashV1() // only for its id
	if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: id}); err != nil {
		t.Fatal(err)
	}
	v1, _ := infohash.Parse(uploaded.GetInfoHashV1())
	v2, _ := infohash.Parse(uploaded.GetInfoHashV2())
	if want := (infohash.Set{V1: v1, V2: v2}); !slices.Contains(*told, want) {
		t.Errorf("told %v, want %v among them", *told, want)
	}
}

// A removal goes on if its caller leaves. Otherwise a store might end it later than the call, and a
// door would not hear of it.
func TestRemovalIsSeenThrough(t *testing.T) {
	st := &removing{Store: memstore.New()}
	h, _ := newRemoving(t, st)
	ctx, leave := context.WithCancel(t.Context())
	seen := make(chan error, 1)
	st.before = func(ctx context.Context) {
		leave()
		seen <- ctx.Err()
	}
	_, _ = h.Admin.RemoveTorrent(ctx, &torrentcachev1.RemoveTorrentRequest{InfoHash: infohash.V1([20]byte{1}).String()})
	if err := <-seen; err != nil {
		t.Errorf("the store is told to give up: %v", err)
	}
}

// failing is a store whose removals end in one way.
type failing struct {
	store.Store
	result store.Removed
}

func (f *failing) Remove(context.Context, []infohash.ID, store.Removal) []store.Removed {
	return []store.Removed{f.result}
}

// A removal that failed may have happened nevertheless, and a door may hold the removed torrent.
func TestFailedRemovalsAreTold(t *testing.T) {
	id := infohash.V1([20]byte{1})
	known := infohash.Set{V1: id}
	for name, c := range map[string]struct {
		result store.Removed
		told   []infohash.Set
	}{
		"full":           {store.Removed{Err: store.ErrFull}, nil},
		"unavailable":    {store.Removed{Err: store.ErrUnavailable}, []infohash.Set{{}}},
		"with known ids": {store.Removed{IDs: known, Err: store.ErrUnavailable}, []infohash.Set{known}},
		"not erased":     {store.Removed{IDs: known, Held: true, Err: store.ErrNotErased}, []infohash.Set{known}},
		"done":           {store.Removed{IDs: known}, []infohash.Set{known}},
	} {
		t.Run(name, func(t *testing.T) {
			h, told := newRemoving(t, &failing{Store: memstore.New(), result: c.result})
			_, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: id.String()})
			if (err == nil) != (c.result.Err == nil) || !slices.Equal(*told, c.told) {
				t.Errorf("%v, told %v, want %v", err, *told, c.told)
			}
		})
	}
}
