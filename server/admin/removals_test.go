package admin_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/audit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// removals returns the outcome of each result as text.
func removals(results []*torrentcachev1.RemoveTorrentsResult) (texts []string) {
	for _, r := range results {
		switch {
		case r.GetError() != nil:
			texts = append(texts, r.GetError().GetReason())
		case r.GetRemoved().GetWasCached():
			texts = append(texts, "cached")
		default:
			texts = append(texts, "not cached")
		}
	}
	return texts
}

// restorations is removals for RestoreTorrents.
func restorations(results []*torrentcachev1.RestoreTorrentsResult) (texts []string) {
	for _, r := range results {
		switch {
		case r.GetError() != nil:
			texts = append(texts, r.GetError().GetReason())
		case r.GetRestored().GetCached():
			texts = append(texts, "cached")
		default:
			texts = append(texts, "not cached")
		}
	}
	return texts
}

// is fails unless got and want are the same.
func is(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRemoveAndRestoreMany(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		one := h.Put(t, torrenttest.V1("a")).GetInfoHash()
		two := h.Put(t, torrenttest.Hybrid("b")).GetInfoHashV2()
		ahead := strings.Repeat("AB", 20)
		hashes := []string{one, "nonsense", ahead, strings.ToLower(two), one}
		remove := func(dry bool) []string {
			answer, err := h.Admin.RemoveTorrents(t.Context(), &torrentcachev1.RemoveTorrentsRequest{InfoHashes: hashes, Reason: "many", DryRun: dry})
			if err != nil {
				t.Fatal(err)
			}
			return removals(answer.GetResults())
		}
		restore := func(dry bool) []string {
			answer, err := h.Admin.RestoreTorrents(t.Context(), &torrentcachev1.RestoreTorrentsRequest{InfoHashes: hashes, DryRun: dry})
			if err != nil {
				t.Fatal(err)
			}
			return restorations(answer.GetResults())
		}
		is(t, restore(true), []string{"TORRENT_NOT_FOUND", "HASH_MALFORMED", "TORRENT_NOT_FOUND", "TORRENT_NOT_FOUND", "TORRENT_NOT_FOUND"})
		is(t, remove(true), []string{"cached", "HASH_MALFORMED", "not cached", "cached", "cached"})
		if _, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: one}); err != nil {
			t.Errorf("after a dry run: %v", err)
		}
		is(t, remove(false), []string{"cached", "HASH_MALFORMED", "not cached", "cached", "not cached"})
		for _, hash := range []string{one, two, ahead} {
			_, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: hash})
			servertest.WantReadReason(t, err, reason.TorrentRemoved)
		}
		is(t, restore(true), []string{"not cached", "HASH_MALFORMED", "not cached", "not cached", "not cached"})
		is(t, restore(false), []string{"cached", "HASH_MALFORMED", "not cached", "cached", "TORRENT_NOT_FOUND"})
		if _, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: two}); err != nil {
			t.Errorf("after the restoration: %v", err)
		}
	})
}

// A page has 1,000 info hashes at most, of the longest form, too.
func TestRemovalsHaveABound(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		hashes := make([]string, 1001)
		for i := range hashes {
			hashes[i] = fmt.Sprintf("1220%064x", i+1)
		}
		_, err := h.Admin.RemoveTorrents(t.Context(), &torrentcachev1.RemoveTorrentsRequest{InfoHashes: hashes})
		servertest.WantReason(t, err, reason.RequestInvalid)
		_, err = h.Admin.RestoreTorrents(t.Context(), &torrentcachev1.RestoreTorrentsRequest{InfoHashes: hashes})
		servertest.WantReason(t, err, reason.RequestInvalid)
		long := strings.Repeat("x", 1025)
		_, err = h.Admin.RemoveTorrents(t.Context(), &torrentcachev1.RemoveTorrentsRequest{InfoHashes: hashes[:1], Reference: long})
		servertest.WantReason(t, err, reason.RequestInvalid)
		_, err = h.Admin.RestoreTorrents(t.Context(), &torrentcachev1.RestoreTorrentsRequest{InfoHashes: hashes[:1], Reason: long})
		servertest.WantReason(t, err, reason.RequestInvalid)
		answer, err := h.Admin.RemoveTorrents(t.Context(), &torrentcachev1.RemoveTorrentsRequest{InfoHashes: hashes[:1000], Reason: long[:1024], Reference: long[:1024]})
		if err != nil || len(answer.GetResults()) != 1000 || answer.GetResults()[999].GetError() != nil {
			t.Errorf("%v, %d results", err, len(answer.GetResults()))
		}
		none, err := h.Admin.RemoveTorrents(t.Context(), &torrentcachev1.RemoveTorrentsRequest{})
		if err != nil || len(none.GetResults()) != 0 {
			t.Errorf("no info hashes: %v, %v", none, err)
		}
	})
}

// The audit lines of a page are written together, before anything is done. Lines for the torrents
// that failed are written together after it.
func TestRemovalsAreAuditedTogether(t *testing.T) {
	var written [][]audit.Entry
	var full error
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) {
		o.Audit = func(entries ...audit.Entry) error {
			written = append(written, slices.Clone(entries))
			return full
		}
	})
	one, never := h.Put(t, torrenttest.V1("a")).GetInfoHash(), strings.Repeat("AB", 20)
	request := &torrentcachev1.RemoveTorrentsRequest{InfoHashes: []string{one, "x", never}, Reference: "case 7"}
	full = errors.New("disk full")
	_, err := h.Admin.RemoveTorrents(t.Context(), request)
	servertest.WantReason(t, err, reason.StorageFull)
	if _, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: one}); err != nil {
		t.Errorf("something was done without a line: %v", err)
	}
	full, written = nil, nil
	request.DryRun = true
	if _, err := h.Admin.RemoveTorrents(t.Context(), request); err != nil || len(written) != 0 {
		t.Errorf("a dry run: %v, wrote %v", err, written)
	}
	_, err = h.Admin.RestoreTorrents(t.Context(), &torrentcachev1.RestoreTorrentsRequest{InfoHashes: request.GetInfoHashes(), Reference: "case 8"})
	if err != nil || len(written) != 2 || len(written[0]) != 2 || len(written[1]) != 2 {
		t.Fatalf("%v, wrote %+v", err, written)
	}
	for i, hash := range []string{one, never} {
		before, after := written[0][i], written[1][i]
		if before.InfoHash != hash || before.Action != "restore" || before.Reference != "case 8" || before.Failed != "" || before.Time.IsZero() {
			t.Errorf("%+v", before)
		}
		if after.InfoHash != hash || !strings.Contains(after.Failed, "TORRENT_NOT_FOUND") {
			t.Errorf("%+v", after)
		}
	}
}
