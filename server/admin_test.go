package server_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
)

func TestRemoveAndRestore(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		torrent := torrenttest.V1("a")
		hash := h.put(t, torrent).GetInfoHash()
		removed, err := h.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reason: "by request", Reference: "case 7"})
		if err != nil || !removed.GetWasCached() {
			t.Fatalf("removing: %v, %v", removed, err)
		}
		_, err = h.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		wantReadReason(t, err, reason.TorrentRemoved)
		_, err = h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		wantReason(t, err, reason.TorrentRemoved)

		restored, err := h.admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash})
		if err != nil || !restored.GetCached() {
			t.Fatalf("restoring: %v, %v", restored, err)
		}
		got, err := h.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
			t.Errorf("after the restore: %v", err)
		}
	})
}

func TestRemoveInAdvance(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		torrent := torrenttest.V1("a")
		removed, err := h.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hashOf(torrent)})
		if err != nil || removed.GetWasCached() {
			t.Fatalf("removing: %v, %v", removed, err)
		}
		_, err = h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		wantReason(t, err, reason.TorrentRemoved)
	})
}

func TestAdminRefuses(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		hash := strings.Repeat("ab", 20)
		_, err := h.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: "x"})
		wantReason(t, err, reason.HashMalformed)
		_, err = h.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hash, Reason: strings.Repeat("r", 1025)})
		wantReason(t, err, reason.RequestInvalid)
		_, err = h.admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: "x"})
		wantReason(t, err, reason.HashMalformed)
		_, err = h.admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: hash})
		wantReason(t, err, reason.TorrentNotFound)
	})
}

// What the operator wrote of a removal is not for everybody.
func TestRemovalTextStaysInside(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		torrent := torrenttest.Hybrid("a")
		hash := h.put(t, torrent).GetInfoHash()
		_, err := h.admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{
			InfoHash: hash, Reason: "court order", Reference: "case 7", Erase: true})
		if err != nil {
			t.Fatal(err)
		}
		_, got := h.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		wantReadReason(t, got, reason.TorrentRemoved)
		_, put := h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
		wantReason(t, put, reason.TorrentRemoved)
		for _, err := range []error{got, put} {
			if strings.Contains(err.Error(), "court") || strings.Contains(err.Error(), "case") {
				t.Errorf("the operator's text is public: %v", err)
			}
		}
	})
}

// The server vouches for what it puts: if the store finds fault it is no fault of the caller.
func TestInvalidItemIsInternal(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		h.store.failPut(fmt.Errorf("%w: the item has no id", store.ErrInvalid))
		_, err := h.cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
		wantReason(t, err, reason.Internal)
		if strings.Contains(err.Error(), "no id") || !strings.Contains(h.log.String(), "no id") {
			t.Errorf("the cause must be in the log alone: %v", err)
		}
	})
}

func TestGetStats(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		torrent := torrenttest.V1("a")
		h.put(t, torrent)
		stats, err := h.admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if stats.GetTorrentCount() != 1 || stats.GetTorrentBytes() != int64(len(torrent)) || stats.GetVersion() != "v1.2.3" || !stats.GetStartTime().IsValid() {
			t.Errorf("got %v", stats)
		}
	})
}

func TestWhatIsNotThereSaysSo(t *testing.T) {
	overBoth(t, func(t *testing.T, h *harness) {
		calls := map[string]func() error{
			"Drain": func() error {
				_, err := h.admin.Drain(t.Context(), &torrentcachev1.DrainRequest{})
				return err
			},
			"VerifyStore": func() error {
				stream, err := h.admin.VerifyStore(t.Context(), &torrentcachev1.VerifyStoreRequest{})
				return firstError(stream, err)
			},
			"BackupStore": func() error {
				stream, err := h.admin.BackupStore(t.Context(), &torrentcachev1.BackupStoreRequest{})
				return firstError(stream, err)
			},
		}
		for name, call := range calls {
			t.Run(name, func(t *testing.T) { wantReason(t, call(), reason.Unimplemented) })
		}
	})
}

// firstError returns what opening a stream or its first answer failed with.
func firstError[T any](stream interface{ Recv() (*T, error) }, err error) error {
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}
