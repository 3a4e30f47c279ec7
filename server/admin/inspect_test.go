package admin_test

import (
	"bytes"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

func TestReadRecord(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.Hybrid("kept")
		parsed, err := metainfo.Parse(torrent)
		if err != nil {
			t.Fatal(err)
		}
		offset, length := parsed.InfoSpan()
		item := store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: store.RankKeyed}
		if err := h.Store.Put(t.Context(), []store.Item{item})[0].Err; err != nil {
			t.Fatal(err)
		}
		ids := parsed.IDs()
		read := func(hash string) (*torrentcachev1.ReadRecordResponse, error) {
			return h.Admin.ReadRecord(t.Context(), &torrentcachev1.ReadRecordRequest{InfoHash: hash})
		}
		got, err := read(ids.V2.String())
		if err != nil || !bytes.Equal(got.GetTorrent(), torrent) || got.GetRank() != int32(store.RankKeyed) || got.GetRemoval() != nil ||
			got.GetInfoHashV1() != ids.V1.String() || got.GetInfoHashV2() != ids.V2.String() || !got.GetUpdateTime().IsValid() {
			t.Errorf("got %v, %v", got, err)
		}
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{
			InfoHash: ids.V1.String(), Reason: "court order", Reference: "case 1"}); err != nil {
			t.Fatal(err)
		}
		got, err = read(ids.V2.String())
		if err != nil || got.GetTorrent() != nil || got.GetRemoval().GetReason() != "court order" ||
			got.GetRemoval().GetReference() != "case 1" || !got.GetRemoval().GetRemovalTime().IsValid() {
			t.Errorf("removed: got %v, %v", got, err)
		}
		for hash, want := range map[string]reason.Reason{
			"nonsense": reason.HashMalformed,
			"0123456789012345678901234567890123456789": reason.TorrentNotFound,
		} {
			if _, err := read(hash); err == nil || reason.Of(err).Reason != want {
				t.Errorf("%s: got %v, want %s", hash, err, want)
			}
		}
	})
}
