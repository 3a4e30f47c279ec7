package hotcache_test

import (
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/hotcache"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
)

// After one backend told of a change, or told that the feed begins now, another may not know of it
// yet. The cache gives its answers, and does not keep them.
func TestAnswersAreNotKeptWhileTheyMayBeOld(t *testing.T) {
	h := newHarnessOf(t, hotcache.Options{Size: roomy, Follow: true, Settle: time.Hour}, hotcache.Backend{})
	id := h.upload(t, one).V1
	go h.Follow(t.Context())
	eventually(t, "the feed is never heard", h.Trusted)
	for range 2 {
		h.wantCalls(t, 2, func() {
			h.want(t, id, one)
			h.want(t, id, one)
		})
		h.Invalidate(infohash.Set{V1: id})
	}
}

func TestAnswersAreKeptOnceTheyHaveSettled(t *testing.T) {
	h := newHarnessOf(t, hotcache.Options{Size: roomy, Follow: true, Settle: time.Millisecond}, hotcache.Backend{})
	ids := h.upload(t, hybrid)
	go h.Follow(t.Context())
	eventually(t, "the torrent is never kept", func() bool {
		h.want(t, ids.V1, hybrid)
		return h.answer(ids.V1) != nil
	})
	h.Invalidate(ids)
	eventually(t, "the torrent is never kept again", func() bool {
		h.want(t, ids.V2, hybrid)
		return h.answer(ids.V2) != nil
	})
}

// The cache gives the answers of a backend that cannot ask its store, and does not keep them.
func TestStaleAnswersAreNotKept(t *testing.T) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, one).V1
	h.set(func(tap *tap) {
		tap.twist = func(reply any) { reply.(*torrentcachev1.GetTorrentResponse).Stale = true }
	})
	h.wantCalls(t, 2, func() {
		h.want(t, id, one)
		h.want(t, id, one)
	})
	h.set(func(tap *tap) { tap.twist = nil })
	h.wantCalls(t, 1, func() {
		h.want(t, id, one)
		h.want(t, id, one)
	})
}
