package server_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

// A torrent that is uploaded as fetched ranks below any other upload, even if its writer has a key.
// Any other upload takes its place.
func TestFetchedCountsForLess(t *testing.T) {
	torrent := torrenttest.Hybrid("a")
	found, original := outerKeys(t, torrent, "found somewhere", true), outerKeys(t, torrent, "original", true)
	overKeyed(t, func(t *testing.T, h *servertest.Harness, keyed context.Context) {
		upload := func(ctx context.Context, torrent []byte, fetched bool, want torrentcachev1.Outcome) {
			t.Helper()
			answer, err := h.Cache.CacheTorrent(ctx, &torrentcachev1.CacheTorrentRequest{Torrent: torrent, Fetched: fetched})
			if err != nil || answer.GetOutcome() != want {
				t.Errorf("%v, %v; want %s", answer, err, want)
			}
		}
		stored := func(torrent []byte, rank store.Rank) {
			t.Helper()
			if got := storedOf(t, h, torrent); !bytes.Equal(got.Bytes, torrent) || got.Rank != rank {
				t.Errorf("stored is %.40q of rank %d, want rank %d", got.Bytes, got.Rank, rank)
			}
		}
		upload(keyed, found, true, torrentcachev1.Outcome_OUTCOME_CREATED)
		stored(found, store.RankFetched)
		upload(t.Context(), original, false, torrentcachev1.Outcome_OUTCOME_REPLACED)
		stored(original, store.RankAnonymous)
		upload(keyed, found, true, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED)
		stored(original, store.RankAnonymous)
	})
}

// Each item of a stream says for itself whether it was fetched.
func TestFetchedItems(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		a, b := torrenttest.V1("a"), torrenttest.V2("b")
		stream, err := h.Cache.CacheTorrents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, torrent := range [][]byte{a, b} {
			if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: uint64(i), Torrent: torrent, Fetched: i == 0}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if result, err := stream.Recv(); err != nil || result.GetCached() == nil {
				t.Fatal(result, err)
			}
		}
		if ra, rb := storedOf(t, h, a).Rank, storedOf(t, h, b).Rank; ra != store.RankFetched || rb != store.RankAnonymous {
			t.Errorf("ranks %d and %d", ra, rb)
		}
		ids := []string{parse(t, a).IDs().V1.String(), parse(t, b).IDs().V2.String()}
		for include, want := range map[bool][]string{false: nil, true: ids[:1]} {
			got, err := h.Cache.FindMissingTorrents(t.Context(), &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: ids, IncludeFetched: include})
			if err != nil || !slices.Equal(got.GetMissingInfoHashes(), want) {
				t.Errorf("missing are %v (%v), want %v", got.GetMissingInfoHashes(), err, want)
			}
		}
	})
}
