package hotcache_test

import (
	"slices"
	"testing"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// The cache forgets a listed torrent by each of its ids, and a listed id that was found to be
// absent. The rest stays.
func TestForgetListedTorrents(t *testing.T) {
	h := newHarness(t, roomy, false)
	listed, other := h.upload(t, hybrid), h.upload(t, one)
	all := func() {
		for _, id := range listed.All() {
			h.want(t, id, hybrid)
		}
		h.want(t, other.V1, one)
		h.wantReason(t, unknown, reason.TorrentNotFound)
	}
	h.wantCalls(t, 5, all)
	h.wantCalls(t, 0, all)
	h.Forget(func(ids ...infohash.ID) bool { return slices.Contains(ids, listed.V2) || slices.Contains(ids, unknown) })
	h.wantCalls(t, 4, all)
}

// A torrent that was being loaded during Forget is not kept: it may be from before.
func TestForgetWhatIsBeingLoaded(t *testing.T) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, one).V1
	h.tap.set(func(tap *tap) {
		tap.after = func() { h.Forget(func(...infohash.ID) bool { return false }) }
	})
	h.want(t, id, one)
	h.tap.set(func(tap *tap) { tap.after = nil })
	h.wantCalls(t, 1, func() { h.want(t, id, one) })
	h.wantCalls(t, 0, func() { h.want(t, id, one) })
}
