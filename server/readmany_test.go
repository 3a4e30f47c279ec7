package server_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// readMany returns all answers of ReadTorrents.
func readMany(t *testing.T, h *servertest.Harness, hashes ...string) ([]*torrentcachev1.ReadTorrentsResponse, error) {
	t.Helper()
	stream, err := torrentcachev1.NewSyncServiceClient(h.Conn).ReadTorrents(t.Context(), &torrentcachev1.ReadTorrentsRequest{InfoHashes: hashes})
	if err != nil {
		t.Fatal(err)
	}
	var all []*torrentcachev1.ReadTorrentsResponse
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, answer)
	}
}

// ReadTorrents answers each hash in order, with a torrent, a removal, or why there is neither.
func TestReadTorrents(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrents := [][]byte{torrenttest.V1("a"), torrenttest.Random(1, 100_000), torrenttest.Hybrid("c")}
		var hashes []string
		for _, torrent := range torrents {
			hashes = append(hashes, h.Put(t, torrent).GetInfoHash())
		}
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: hashes[0], Reason: "secret"}); err != nil {
			t.Fatal(err)
		}
		asked := []string{hashes[2], "no hash", hashes[0], strings.Repeat("AB", 20), strings.ToLower(hashes[1])}
		answers, err := readMany(t, h, asked...)
		if err != nil || len(answers) != len(asked) {
			t.Fatalf("%d answers, want %d (%v)", len(answers), len(asked), err)
		}
		for i, answer := range answers {
			if answer.GetInfoHash() != asked[i] {
				t.Errorf("answer %d is about %s, want %s", i, answer.GetInfoHash(), asked[i])
			}
		}
		for at, torrent := range map[int][]byte{0: torrents[2], 4: torrents[1]} {
			a := answers[at]
			if !bytes.Equal(a.GetTorrent(), torrent) || a.GetRank() != int32(store.RankAnonymous) || a.GetUpdateTime() == nil || a.GetError() != nil {
				t.Errorf("answer %d: %d bytes, rank %d, %v", at, len(a.GetTorrent()), a.GetRank(), a.GetError())
			}
		}
		if a := answers[0]; a.GetInfoHashV1() == "" || a.GetInfoHashV2() == "" {
			t.Error("a hybrid torrent without both info hashes")
		}
		if a := answers[2]; a.GetRemoval().GetRemovalTime() == nil || a.GetError() != nil || strings.Contains(a.String(), "secret") {
			t.Errorf("the removed one: %v", a)
		}
		for at, want := range map[int]reason.Reason{1: reason.HashMalformed, 3: reason.TorrentNotFound} {
			if got := answers[at].GetError().GetReason(); got != string(want) {
				t.Errorf("answer %d: %s, want %s", at, got, want)
			}
		}
		if _, err := readMany(t, h, slices.Repeat([]string{hashes[2]}, 1001)...); err == nil {
			t.Error("1001 hashes were taken")
		} else {
			servertest.WantReadReason(t, err, reason.RequestInvalid)
		}
	})
}

// Answers tell how many changes come after them.
func TestWatchChangesTellsWhatRemains(t *testing.T) {
	h := servertest.New(t, servertest.InProcess)
	for i := range 1500 { // not by calls, which the harness keeps
		item := storetest.Torrent(storetest.V1, uint64(i), 300, 0)
		if result := h.Store.Put(t.Context(), []store.Item{item})[0]; result.Err != nil {
			t.Fatal(result.Err)
		}
	}
	f := watchFrom(t, h, "")
	for _, want := range []int64{500, 0, 0} {
		if got := receive(t, f).GetRemainingCount(); got != want {
			t.Errorf("%d remain, want %d", got, want)
		}
	}
}
