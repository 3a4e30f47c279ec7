package admin_test

import (
	"bytes"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

func TestRemoveAndRestore(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		hash := h.Put(t, torrent).GetInfoHash()
		removed, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reason: "by request", Reference: "case 7"})
		if err != nil || !removed.GetWasCached() {
			t.Fatalf("removing: %v, %v", removed, err)
		}
		_, err = h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		servertest.WantReadReason(t, err, reason.TorrentRemoved)
		_, err = h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		servertest.WantReason(t, err, reason.TorrentRemoved)

		restored, err := h.Admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash})
		if err != nil || !restored.GetCached() {
			t.Fatalf("restoring: %v, %v", restored, err)
		}
		got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
			t.Errorf("after the restore: %v", err)
		}
	})
}

func TestRemoveInAdvance(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		removed, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: servertest.HashOf(torrent)})
		if err != nil || removed.GetWasCached() {
			t.Fatalf("removing: %v, %v", removed, err)
		}
		_, err = h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		servertest.WantReason(t, err, reason.TorrentRemoved)
	})
}

func TestAdminRefuses(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		hash := strings.Repeat("ab", 20)
		_, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: "x"})
		servertest.WantReason(t, err, reason.HashMalformed)
		_, err = h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reason: strings.Repeat("r", 1025)})
		servertest.WantReason(t, err, reason.RequestInvalid)
		_, err = h.Admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: "x"})
		servertest.WantReason(t, err, reason.HashMalformed)
		_, err = h.Admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash})
		servertest.WantReason(t, err, reason.TorrentNotFound)
	})
}

// The operator's reason and reference for a removal do not reach readers or uploaders.
func TestRemovalTextStaysInside(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.Hybrid("a")
		hash := h.Put(t, torrent).GetInfoHash()
		_, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{
			InfoHash: hash, Reason: "court order", Reference: "case 7", Erase: true})
		if err != nil {
			t.Fatal(err)
		}
		_, got := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		servertest.WantReadReason(t, got, reason.TorrentRemoved)
		_, put := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		servertest.WantReason(t, put, reason.TorrentRemoved)
		for _, err := range []error{got, put} {
			if strings.Contains(err.Error(), "court") || strings.Contains(err.Error(), "case") {
				t.Errorf("the operator's text is public: %v", err)
			}
		}
	})
}

func TestGetStats(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		h.Put(t, torrent)
		stats, err := h.Admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if stats.GetTorrentCount() != 1 || stats.GetTorrentBytes() != int64(len(torrent)) || stats.GetVersion() != "v1.2.3" || !stats.GetStartTime().IsValid() {
			t.Errorf("got %v", stats)
		}
	})
}

func TestWhatIsNotThereSaysSo(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		calls := map[string]func() error{
			"Drain": func() error {
				_, err := h.Admin.Drain(t.Context(), &torrentcachev1.DrainRequest{})
				return err
			},
			"VerifyStore": func() error {
				stream, err := h.Admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{})
				return servertest.FirstError(stream, err)
			},
			"BackupStore": func() error {
				stream, err := h.Admin.BackupStore(t.Context(), &torrentcachev1.BackupStoreRequest{})
				return servertest.FirstError(stream, err)
			},
		}
		for name, call := range calls {
			t.Run(name, func(t *testing.T) { servertest.WantReason(t, call(), reason.Unimplemented) })
		}
	})
}
