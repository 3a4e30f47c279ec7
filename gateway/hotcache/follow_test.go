package hotcache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/gateway/hotcache"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
)

// inUse waits until the cache answers by itself again.
func (h *harness) inUse(t *testing.T) {
	t.Helper()
	eventually(t, "the cache is never used", func() bool {
		h.wantReason(t, unknown, reason.TorrentNotFound)
		return h.answer(unknown) != nil
	})
}

func TestFollow(t *testing.T) {
	h := newHarness(t, roomy, true)
	ids := h.upload(t, hybrid)
	h.wantCalls(t, 2, func() { // not before the feed is heard
		h.want(t, ids.V1, hybrid)
		h.want(t, ids.V1, hybrid)
	})
	if h.answer(ids.V1) != nil {
		t.Error("an answer is ready before the feed is heard")
	}
	go h.Follow(t.Context())
	h.inUse(t)
	h.want(t, ids.V1, hybrid)
	h.want(t, ids.V2, hybrid)
	h.remove(t, ids.V1)
	begun := time.Now()
	eventually(t, "the removal is not heard of", func() bool {
		return h.answer(ids.V1) == nil && h.answer(ids.V2) == nil
	})
	t.Logf("heard after %s", time.Since(begun))
	h.wantReason(t, ids.V2, reason.TorrentRemoved)
}

// A torrent whose bytes left the store is forgotten. So is a torrent for which a newer server
// reports a kind of change that this program does not know.
func TestFollowForgetsWhateverTheKind(t *testing.T) {
	for _, kind := range []torrentcachev1.ChangeKind{torrentcachev1.ChangeKind_CHANGE_KIND_DROPPED, 200} {
		h := newHarness(t, roomy, true)
		h.set(func(tap *tap) { tap.kind = kind })
		ids := h.upload(t, hybrid)
		go h.Follow(t.Context())
		h.inUse(t)
		h.want(t, ids.V1, hybrid)
		h.remove(t, ids.V2)
		eventually(t, fmt.Sprintf("a change of kind %d forgets nothing", kind), func() bool { return h.answer(ids.V1) == nil })
		h.wantReason(t, ids.V1, reason.TorrentRemoved)
	}
}

// Changes while the feed is lost are in force when the cache is used again.
func TestFollowAfterALostFeed(t *testing.T) {
	h := newHarness(t, roomy, true)
	ids := h.upload(t, one)
	go h.Follow(t.Context())
	h.inUse(t)
	h.want(t, ids.V1, one)
	h.set(func(tap *tap) { tap.deaf = true; tap.cut() })
	eventually(t, "the cache is used without a feed", func() bool { return h.answer(ids.V1) == nil })
	h.remove(t, ids.V1)
	h.wantReason(t, ids.V1, reason.TorrentRemoved)
	h.set(func(tap *tap) { tap.deaf = false; tap.cut() })
	h.inUse(t)
	h.wantReason(t, ids.V1, reason.TorrentRemoved)
}

// A feed that says nothing, not even that it is there, is not trusted for long.
func TestFollowSilence(t *testing.T) {
	h := newHarness(t, roomy, true)
	ids := h.upload(t, one)
	h.set(func(tap *tap) { tap.deaf = true })
	go h.Follow(t.Context())
	h.wantCalls(t, 2, func() {
		h.want(t, ids.V1, one)
		h.want(t, ids.V1, one)
	})
	h.set(func(tap *tap) { tap.deaf = false })
	h.inUse(t) // the deaf stream was given up
}

// The operator of the door is told once why the feed is lost, and again if it is lost after it was
// back.
func TestFollowTellsWhyTheFeedIsLost(t *testing.T) {
	lost := make(chan reason.Reason, 100)
	h := newHarnessOf(t, hotcache.Options{Size: roomy, Follow: true, OnLost: func(err *reason.Error) { lost <- err.Reason }}, hotcache.Backend{})
	go h.Follow(t.Context())
	for range 2 {
		h.inUse(t)
		h.set(func(tap *tap) { tap.refuse = reason.New(reason.PermissionDenied, "no").GRPCStatus().Err(); tap.cut() })
		for got := reason.Reason(""); got != reason.PermissionDenied; { // the cut may be told of, too
			select {
			case got = <-lost:
			case <-time.After(patience):
				t.Fatal("the loss is never told")
			}
		}
		before := h.streams()
		eventually(t, "the feed is not asked for again", func() bool { return h.streams() > before+1 })
		if n := len(lost); n > 0 {
			t.Errorf("told %d times more", n)
		}
		h.set(func(tap *tap) { tap.refuse = nil })
	}
}

// While the feed is lost and the backend cannot reach its store, the cache gives copies, marked
// stale, for as long as MaxStale allows. An answer of the backend always comes first.
func TestStaleInAnOutage(t *testing.T) {
	for _, span := range []time.Duration{0, time.Hour} {
		h := newHarnessOf(t, hotcache.Options{Size: roomy, Follow: true}, hotcache.Backend{MaxStale: span})
		ids, removed := h.upload(t, one), h.upload(t, hybrid)
		go h.Follow(t.Context())
		h.inUse(t)
		h.want(t, ids.V1, one)
		h.want(t, removed.V1, hybrid)
		away := reason.New(reason.Overloaded, "the bucket is away").GRPCStatus().Err()
		h.set(func(tap *tap) {
			tap.refuse, tap.before = away, func(context.Context) error { return away }
			tap.cut()
		})
		eventually(t, "the cache is used without a feed", func() bool { return h.answer(ids.V1) == nil })
		h.wantReason(t, unknown, reason.Overloaded) // now nobody can say that it is absent
		for range 3 {
			if span == 0 {
				h.wantReason(t, ids.V1, reason.Overloaded)
				continue
			}
			got, err := h.GetTorrent(t.Context(), ids.V1)
			if err != nil || !got.GetStale() || string(got.GetTorrent()) != string(one) {
				t.Fatalf("in the outage: %d bytes, stale %v, %v", len(got.GetTorrent()), got.GetStale(), err)
			}
		}
		h.set(func(tap *tap) { tap.before = nil }) // the feed stays lost
		h.remove(t, removed.V1)
		eventually(t, "the backend is not asked again", func() bool {
			_, err := h.GetTorrent(t.Context(), removed.V1)
			return err != nil && reason.Of(err).Reason == reason.TorrentRemoved
		})
		if got, err := h.GetTorrent(t.Context(), ids.V1); err != nil || got.GetStale() {
			t.Errorf("after the outage: stale %v, %v", got.GetStale(), err)
		}
	}
}
