package server_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCacheTorrentRefuses(t *testing.T) {
	good := torrenttest.V1("good")
	cases := []struct {
		name     string
		torrent  []byte
		expected string
		want     reason.Reason
		says     string
	}{
		{"no torrent", nil, "", reason.TorrentEmpty, "no bytes"},
		{"zero bytes", []byte{}, "", reason.TorrentEmpty, "no bytes"},
		{"zero bytes, compressed", gzipped(t, nil), "", reason.TorrentEmpty, "no bytes"},
		{"not bencode", []byte("<html>hello</html>"), "", reason.TorrentInvalid, "byte 0"},
		{"no info", torrenttest.Bencode(torrenttest.Dict{"announce": "http://a/"}), "", reason.TorrentInvalid, "info"},
		{"cut short", good[:len(good)-1], "", reason.TorrentInvalid, ""},
		{"compressed and cut short", gzipped(t, good)[:100], "", reason.TorrentInvalid, ""},
		{"too large", torrenttest.Random(1, servertest.MaxSize+1000), "", reason.TorrentTooLarge, fmt.Sprint(servertest.MaxSize)},
		{"too large when decompressed", gzipped(t, make([]byte, servertest.MaxSize+1)), "", reason.TorrentTooLarge, fmt.Sprint(servertest.MaxSize)},
		{"malformed expected hash", good, "xyz", reason.HashMalformed, `"xyz"`},
		{"other hash expected", good, strings.Repeat("ab", 20), reason.TorrentInvalid, strings.Repeat("AB", 20)},
		{"other hash expected, names its own", good, strings.Repeat("ab", 20), reason.TorrentInvalid, servertest.HashOf(good)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
				_, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: c.torrent, ExpectedInfoHash: c.expected})
				servertest.WantReason(t, err, c.want)
				if err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v does not say %q", err, c.says)
				}
				if stats, err := h.Store.Stats(t.Context()); err != nil || stats.Torrents != 0 {
					t.Errorf("%d torrents stored (%v), want none", stats.Torrents, err)
				}
				if h.Log.String() != "" {
					t.Errorf("the caller's fault is in the log: %s", h.Log)
				}
			})
		})
	}
}

func TestCacheTorrentWhenTheStoreFails(t *testing.T) {
	cases := []struct {
		name   string
		err    error
		want   reason.Reason
		logged bool
	}{
		{"removed", &store.RemovedError{Removal: store.Removal{Reason: "secret"}}, reason.TorrentRemoved, false},
		{"conflict", store.ErrConflict, reason.TorrentConflict, false},
		{"full", fmt.Errorf("%w: 3 bytes free", store.ErrFull), reason.StorageFull, true},
		{"unavailable", fmt.Errorf("%w: secret", store.ErrUnavailable), reason.Overloaded, true},
		{"anything else", errors.New("secret"), reason.Internal, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
				h.Store.FailPut(c.err)
				_, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
				servertest.WantReason(t, err, c.want)
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the cause reached the client: %v", err)
				}
				h.WantLog(t, c.logged, "/torrentcache.v1.CacheService/CacheTorrent", c.err.Error())
			})
		})
	}
}

func TestCacheTorrentAnswers(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		first := h.Put(t, torrent)
		if first.GetOutcome() != torrentcachev1.Outcome_OUTCOME_CREATED || first.GetInfoHash() != servertest.HashOf(torrent) ||
			first.GetInfoHashV1() != servertest.HashOf(torrent) || first.GetInfoHashV2() != "" {
			t.Errorf("first upload: %v", first)
		}
		second := h.Put(t, torrent)
		if second.GetOutcome() != torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED || second.GetInfoHash() != first.GetInfoHash() {
			t.Errorf("second upload: %v", second)
		}
	})
}

func TestCacheTorrentInflates(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		h.Put(t, gzipped(t, torrent))
		got, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: servertest.HashOf(torrent)})
		if err != nil || !bytes.Equal(got.GetTorrent(), torrent) {
			t.Errorf("got %d bytes (%v), want the %d that were compressed", len(got.GetTorrent()), err, len(torrent))
		}
	})
}

func TestCacheTorrentTakesTheExpectedHashInAnyForm(t *testing.T) {
	torrent := torrenttest.V1("a")
	hash := servertest.HashOf(torrent)
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		for _, expected := range []string{hash, strings.ToLower(hash), base32Of(t, hash)} {
			if _, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent, ExpectedInfoHash: expected}); err != nil {
				t.Errorf("%s: %v", expected, err)
			}
		}
	})
}

func TestCacheTorrentAtTheSizeLimit(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		base := torrenttest.Bencode(torrenttest.Dict{"comment": "", "info": torrenttest.Dict{
			"length": 1, "name": "a", "piece length": 1, "pieces": strings.Repeat("x", 20)}})
		// A comment of six digits' length makes the file as long as is allowed.
		comment := strings.Repeat("c", servertest.MaxSize-len(base)-len("199999")+len("0"))
		torrent := torrenttest.Bencode(torrenttest.Dict{"comment": comment, "info": torrenttest.Dict{
			"length": 1, "name": "a", "piece length": 1, "pieces": strings.Repeat("x", 20)}})
		if len(torrent) != servertest.MaxSize {
			t.Fatalf("the test's torrent has %d bytes, want %d", len(torrent), servertest.MaxSize)
		}
		h.Put(t, torrent)
	})
}

func TestConcurrentUploadsCreateOnce(t *testing.T) {
	const uploads = 32
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.V1("a")
		outcomes := make(chan torrentcachev1.Outcome, uploads)
		var all sync.WaitGroup
		for range uploads {
			all.Go(func() {
				answer, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrent})
				if err != nil {
					t.Error(err)
				}
				outcomes <- answer.GetOutcome()
			})
		}
		all.Wait()
		close(outcomes)
		count := map[torrentcachev1.Outcome]int{}
		for outcome := range outcomes {
			count[outcome]++
		}
		if count[torrentcachev1.Outcome_OUTCOME_CREATED] != 1 || count[torrentcachev1.Outcome_OUTCOME_ALREADY_CACHED] != uploads-1 {
			t.Errorf("outcomes %v, want one CREATED and %d ALREADY_CACHED", count, uploads-1)
		}
	})
}

func base32Of(t *testing.T, hexHash string) string {
	t.Helper()
	id, err := infohash.Parse(hexHash)
	if err != nil {
		t.Fatal(err)
	}
	return base32.StdEncoding.EncodeToString(id.AppendTo(nil))
}

// A torrent that was encoded once more than the door needs is decoded once more.
func TestCacheTorrentTakesBase64(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		for i, plain := range [][]byte{torrenttest.V1("a"), torrenttest.Random(5, 50_000)} {
			for _, packed := range [][]byte{plain, gzipped(t, plain)} {
				if got := h.Put(t, []byte(base64.StdEncoding.EncodeToString(packed))); got.GetInfoHash() != servertest.HashOf(plain) {
					t.Errorf("torrent %d: %v", i, got)
				}
			}
		}
		_, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: []byte("ZDg6YW5ub3VuY2U=")})
		servertest.WantReason(t, err, reason.TorrentInvalid)
	})
}

// fault returns the field and the byte offset in the details of an error.
func fault(err error) (field, offset string) {
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			offset = d.GetMetadata()["byte_offset"]
		case *errdetails.BadRequest:
			field = d.GetFieldViolations()[0].GetField()
		}
	}
	return field, offset
}

func TestErrorsNameTheField(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		_, invalid := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: []byte("d4:infoi1ee")})
		_, empty := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{})
		_, expected := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a"), ExpectedInfoHash: "x"})
		_, get := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: "x"})
		_, describe := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: "x"})
		_, find := h.Cache.FindMissingTorrents(t.Context(), &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: []string{strings.Repeat("0", 40), "x"}})
		for _, c := range []struct {
			err           error
			field, offset string
		}{
			{invalid, "torrent", "7"}, {empty, "torrent", ""}, {expected, "expected_info_hash", ""},
			{get, "info_hash", ""}, {describe, "info_hash", ""}, {find, "info_hashes[1]", ""},
		} {
			if field, offset := fault(c.err); field != c.field || offset != c.offset {
				t.Errorf("%v: field %q, byte %q; want %q, %q", c.err, field, offset, c.field, c.offset)
			}
		}
	})
}

// The server vouches for the items that it puts. If the store finds an item invalid, the caller is
// not at fault.
func TestInvalidItemIsInternal(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		h.Store.FailPut(fmt.Errorf("%w: the item has no id", store.ErrInvalid))
		_, err := h.Cache.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: torrenttest.V1("a")})
		servertest.WantReason(t, err, reason.Internal)
		if strings.Contains(err.Error(), "no id") || !strings.Contains(h.Log.String(), "no id") {
			t.Errorf("the cause must be in the log alone: %v", err)
		}
	})
}
