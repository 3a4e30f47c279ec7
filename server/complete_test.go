package server_test

import (
	"bytes"
	"context"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// layered returns a v2 torrent and the same one without its piece layers, with
// other outer keys.
func layered(t *testing.T) (whole, bare []byte) {
	t.Helper()
	whole = torrenttest.V2("v2")
	parsed, err := metainfo.Parse(whole)
	if err != nil {
		t.Fatal(err)
	}
	offset, length := parsed.InfoSpan()
	bare = torrenttest.Bencode(torrenttest.Dict{
		"announce": "http://first.example/",
		"info":     torrenttest.Raw(whole[offset : offset+length]),
	})
	return whole, bare
}

func describe(t *testing.T, h *servertest.Harness, hash string) *torrentcachev1.DescribeTorrentResponse {
	t.Helper()
	d, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestUploadSuppliesMissingPieceLayers(t *testing.T) {
	whole, bare := layered(t)
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		steps := []struct {
			name    string
			torrent []byte
			want    torrentcachev1.Outcome
			missing bool
		}{
			{"without layers", bare, torrentcachev1.Outcome_OUTCOME_CREATED, true},
			{"the same again", bare, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, true},
			{"with layers", whole, torrentcachev1.Outcome_OUTCOME_COMPLETED, false},
			{"with layers again", whole, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, false},
			{"without layers again", bare, torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED, false},
		}
		for _, step := range steps {
			answer := h.Put(t, step.torrent)
			if answer.GetOutcome() != step.want {
				t.Errorf("%s: %s, want %s", step.name, answer.GetOutcome(), step.want)
			}
			d := describe(t, h, answer.GetInfoHashV2())
			if d.GetMissingPieceLayers() != step.missing {
				t.Errorf("%s: missing piece layers: %v", step.name, d.GetMissingPieceLayers())
			}
			if urls := d.GetTrackerTiers()[0].GetUrls(); urls[0] != "http://first.example/" {
				t.Errorf("%s: the outer keys of the first upload are gone: %s", step.name, urls)
			}
		}
	})
}

func TestCompletionRetriesWhenTheRecordChanges(t *testing.T) {
	whole, bare := layered(t)
	h := servertest.New(t, servertest.InProcess)
	hash := h.Put(t, bare).GetInfoHashV2()
	// Another upload completes the record between this one's look and its put.
	raced := 0
	h.Store.SetPut(func(ctx context.Context, items []store.Item) []store.Result {
		if items[0].Replaces != (store.Version{}) && raced == 0 {
			raced++
			h.Store.Store.Put(ctx, items)
		}
		return h.Store.Store.Put(ctx, items)
	})
	if outcome := h.Put(t, whole).GetOutcome(); outcome != torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED {
		t.Errorf("got %s, want ALREADY_CACHED: the other upload completed it", outcome)
	}
	if raced != 1 || describe(t, h, hash).GetMissingPieceLayers() {
		t.Errorf("raced %d times; layers missing: %v", raced, describe(t, h, hash).GetMissingPieceLayers())
	}
}

// An upload of a stored torrent is not refused because the torrent is removed a moment later.
func TestCompletionMeetsARemoval(t *testing.T) {
	whole, bare := layered(t)
	id := parse(t, bare).IDs().Primary()
	for _, stream := range []bool{false, true} {
		servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
			h.Put(t, bare)
			h.Store.SetPut(func(ctx context.Context, items []store.Item) []store.Result {
				results := h.Store.Store.Put(ctx, items)
				if err := storetest.Remove(ctx, h.Store, id, store.Removal{}); err != nil {
					t.Error(err)
				}
				return results
			})
			got := ""
			if stream {
				got = told(cacheAllAs(t, h, t.Context(), &torrentcachev1.CacheTorrentsRequest{Torrent: whole})[0])
			} else {
				got = h.Put(t, whole).GetOutcome().String()
			}
			if got != "OUTCOME_ALREADY_CACHED" {
				t.Errorf("in a stream %t: %s", stream, got)
			}
		})
	}
}

func TestUploadHealsADamagedTorrent(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		h.Store.SetPut(func(context.Context, []store.Item) []store.Result { return []store.Result{{Outcome: store.Healed}} })
		if outcome := h.Put(t, torrenttest.V1("a")).GetOutcome(); outcome != torrentcachev1.Outcome_OUTCOME_HEALED {
			t.Errorf("got %s", outcome)
		}
	})
}

func TestV2TorrentIsFoundByEachOfItsIDs(t *testing.T) {
	torrent := torrenttest.Hybrid("both")
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		answer := h.Put(t, torrent)
		v1, v2 := answer.GetInfoHashV1(), answer.GetInfoHashV2()
		if answer.GetInfoHash() != v1 || len(v1) != 40 || len(v2) != 64 {
			t.Fatalf("got %v", answer)
		}
		for _, hash := range []string{v1, v2, v2[:40], "1220" + v2} {
			got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
			if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
				t.Errorf("%s: %v", hash, err)
			}
		}
	})
}
