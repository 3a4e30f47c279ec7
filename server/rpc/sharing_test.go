package rpc_test

import (
	"bytes"
	"sync"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// Uploads and answers are shared with the store and, in process, with the doors.
// Under the race detector this also finds code that writes the same bytes again.
func TestNobodyChangesATorrentInAMessage(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		whole := torrenttest.Hybrid("shared")
		for name, upload := range map[string][]byte{
			"v1": torrenttest.Random(7, 60_000), "hybrid": whole, "again": whole, "no torrent": bytes.Repeat([]byte("d4:info"), 9000),
			"with more behind it": append(bytes.Clone(whole), '\n'),
		} {
			sent := bytes.Clone(upload)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					cached, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: sent})
					if err != nil {
						return // it is no torrent
					}
					checkAnswers(t, h, cached.GetInfoHash())
				})
			}
			all.Wait()
			if !bytes.Equal(sent, upload) {
				t.Errorf("%s: the server changed the upload", name)
			}
		}
	})
}

// checkAnswers requires that an answer does not change while others are given.
func checkAnswers(t *testing.T, h *servertest.Harness, hash string) {
	first, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
	if err != nil {
		t.Error(err)
		return
	}
	before := bytes.Clone(first.GetTorrent())
	for range 10 {
		again, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(again.GetTorrent(), before) {
			t.Errorf("another answer: %d bytes, %v", len(again.GetTorrent()), err)
		}
		if _, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash}); err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(first.GetTorrent(), before) {
		t.Error("the first answer has changed")
	}
}

// A client may write over an answer that it received. The server's copy does not change.
func TestAClientMayWriteOverWhatItReceived(t *testing.T) {
	h := servertest.New(t, servertest.OverNetwork)
	torrent := torrenttest.Random(8, 60_000)
	hash := h.Put(t, bytes.Clone(torrent)).GetInfoHash()
	for range 2 {
		got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
		if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
			t.Fatalf("%d bytes, %v", len(got.GetTorrent()), err)
		}
		clear(got.GetTorrent())
	}
}

// The memory of an upload is the door's again once the call has succeeded. Under the race detector
// this also finds code that only reads it then.
func TestADoorMayUseTheMemoryOfAnUploadAgain(t *testing.T) {
	h := servertest.New(t, servertest.InProcess)
	var all sync.WaitGroup
	for door := range 4 {
		all.Go(func() {
			memory := make([]byte, 0, servertest.MaxSize)
			for upload := range 20 {
				torrent := torrenttest.Random(uint64(100*door+upload), 60_000)
				memory = append(memory[:0], torrent...)
				hash := h.Put(t, memory).GetInfoHash()
				clear(memory)
				got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
				if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
					t.Errorf("%d bytes, %v", len(got.GetTorrent()), err)
				}
			}
		})
	}
	all.Wait()
}
