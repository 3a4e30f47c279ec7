package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

func TestGetTorrentReturnsTheUpload(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		before := time.Now().Truncate(time.Second)
		hash := h.Put(t, torrent).GetInfoHash()
		sum := sha256.Sum256(torrent)
		for _, form := range []string{hash, strings.ToLower(hash), base32Of(t, hash)} {
			got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: form})
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if !bytes.Equal(got.GetTorrent(), torrent) {
				t.Errorf("%s: other bytes than were uploaded", form)
			}
			if got.GetInfoHash() != hash || got.GetInfoHashV1() != hash || got.GetInfoHashV2() != "" {
				t.Errorf("%s: hashes %q %q %q", form, got.GetInfoHash(), got.GetInfoHashV1(), got.GetInfoHashV2())
			}
			if want := hex.EncodeToString(sum[:16]); got.GetEtag() != want {
				t.Errorf("%s: etag %s, want %s", form, got.GetEtag(), want)
			}
			if stored := got.GetUpdateTime().AsTime(); stored.Before(before) || stored.After(time.Now()) || stored.Nanosecond() != 0 {
				t.Errorf("%s: update_time %s, want whole seconds, after %s", form, stored, before)
			}
		}
	})
}

func TestGetTorrentRefuses(t *testing.T) {
	unknown := strings.Repeat("AB", 20)
	cases := []struct {
		name   string
		hash   string
		store  error
		want   reason.Reason
		logged bool
	}{
		{"no hash", "", nil, reason.HashMalformed, false},
		{"malformed hash", strings.Repeat("zz", 20), nil, reason.HashMalformed, false},
		{"long malformed hash", strings.Repeat("\x01", 100_000), nil, reason.HashMalformed, false},
		{"unknown", unknown, nil, reason.TorrentNotFound, false},
		{"removed", unknown, &store.RemovedError{}, reason.TorrentRemoved, false},
		{"damaged", unknown, fmt.Errorf("%w: segment 3", store.ErrDamaged), reason.TorrentDamaged, true},
		{"unavailable", unknown, store.ErrUnavailable, reason.Overloaded, true},
		{"anything else", unknown, errors.New("secret"), reason.Internal, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
				if c.store != nil {
					h.Store.FailGet(c.store)
				}
				_, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: c.hash})
				servertest.WantReadReason(t, err, c.want)
				if len(err.Error()) > 600 {
					t.Errorf("the message has %d bytes", len(err.Error()))
				}
				_, err = h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: c.hash})
				servertest.WantReadReason(t, err, c.want)
				if logged := h.Log.String() != ""; logged != c.logged {
					t.Errorf("log: %q", h.Log)
				}
			})
		})
	}
}

func TestFindMissingTorrents(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		a := h.Put(t, torrenttest.V1("a")).GetInfoHash()
		b := h.Put(t, torrenttest.V1("b")).GetInfoHash()
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: b}); err != nil {
			t.Fatal(err)
		}
		unknown := strings.Repeat("cd", 20)
		got, err := h.Cache.FindMissingTorrents(t.Context(), &torrentcachev1.FindMissingTorrentsRequest{
			InfoHashes: []string{unknown, strings.ToLower(a), b, unknown}})
		if want := []string{unknown, b, unknown}; err != nil || !slices.Equal(got.GetMissingInfoHashes(), want) {
			t.Errorf("got %v (%v), want %v", got.GetMissingInfoHashes(), err, want)
		}
	})
}

func TestFindMissingTorrentsLimits(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		find := func(hashes []string) error {
			_, err := h.Cache.FindMissingTorrents(t.Context(), &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: hashes})
			return err
		}
		v1 := strings.Repeat("ab", 20)
		if err := find(nil); err != nil {
			t.Errorf("no hashes: %v", err)
		}
		servertest.WantReason(t, find([]string{v1, "nonsense"}), reason.HashMalformed)
		// In base32 all 10,000 fit into the message.
		short := strings.Repeat("a", 32)
		if err := find(slices.Repeat([]string{short}, 5000)); err != nil {
			t.Errorf("5,000 hashes: %v", err)
		}
	})
}
