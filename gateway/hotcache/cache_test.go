package hotcache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

const roomy = 64 << 20 // bytes

var unknown = infohash.V1([20]byte{1, 2, 3})

func TestTorrentIsLoadedOnce(t *testing.T) {
	t.Run("small", func(t *testing.T) { testLoadedOnce(t, one) })
	t.Run("large", func(t *testing.T) { testLoadedOnce(t, torrenttest.Random(1, 300_000)) })
}

func testLoadedOnce(t *testing.T, torrent []byte) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, torrent).V1
	if h.answer(id) != nil {
		t.Error("an answer is ready before anybody asked")
	}
	h.wantCalls(t, 1, func() {
		h.want(t, id, torrent)
		h.want(t, id, torrent)
		if a := h.answer(id); a == nil || string(a.Body()) != string(torrent) {
			t.Error("no ready answer, or a wrong one")
		}
		h.want(t, id, torrent) // wherever its bytes are now
		if a, again := h.answer(id), h.answer(id); a != again {
			t.Error("the answer is made anew each time")
		}
	})
	if s := h.Stats(); s.Hits != 2 || s.Misses != 1 || s.Entries != 1 {
		t.Errorf("got %+v", s)
	}
	eventually(t, "the size is not counted", func() bool { return h.Stats().Bytes >= int64(len(torrent)) })
}

func TestAbsenceIsKeptUntilTheUpload(t *testing.T) {
	h := newHarness(t, roomy, false)
	ids := h.upload(t, hybrid)
	h.remove(t, ids.V1)
	h.wantCalls(t, 2, func() { // a removal is not kept: its answer is not the fast path's
		h.wantReason(t, ids.V2, reason.TorrentRemoved)
		h.wantReason(t, ids.V2, reason.TorrentRemoved)
	})
	h.wantCalls(t, 1, func() {
		h.wantReason(t, unknown, reason.TorrentNotFound)
		h.wantReason(t, unknown, reason.TorrentNotFound)
		if a := h.answer(unknown); a == nil || string(a.Body()) != "none\n" {
			t.Error("no ready 404")
		}
	})
}

// In one process a change is in force when its call returns, under every id.
func TestChangesAreInForceAtOnce(t *testing.T) {
	h := newHarness(t, roomy, false)
	ids := h.upload(t, hybrid)
	for _, id := range ids.All() {
		h.want(t, id, hybrid)
	}
	h.remove(t, ids.V2.Short())
	for _, id := range ids.All() {
		h.wantReason(t, id, reason.TorrentRemoved)
		if h.answer(id) != nil {
			t.Errorf("an answer for the removed %s is ready", id)
		}
	}
	if _, err := h.admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: ids.V1.String()}); err != nil {
		t.Fatal(err)
	}
	h.want(t, ids.V2, hybrid)

	two := torrenttest.V1("two")
	other := newHarness(t, roomy, false)
	id := other.upload(t, two).V1 // only for its id
	h.wantReason(t, id, reason.TorrentNotFound)
	h.upload(t, two)
	h.want(t, id, two)
}

func TestRemovalOfADamagedTorrentClears(t *testing.T) {
	h := newHarness(t, roomy, false)
	ids := h.upload(t, hybrid)
	h.want(t, ids.V1, hybrid)
	h.store.Damage(ids.V2)
	h.remove(t, ids.V2)
	h.wantReason(t, ids.V1, reason.TorrentRemoved)
}

func TestManyWaitForOneFill(t *testing.T) { synctest.Test(t, testManyWaitForOneFill) }

func testManyWaitForOneFill(t *testing.T) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, one).V1
	entered, leave := make(chan bool), make(chan bool)
	h.set(func(tap *tap) { tap.after = func() { entered <- true; <-leave } })
	h.wantCalls(t, 1, func() {
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { h.want(t, id, one) })
		}
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.GetTorrent(ctx, id); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone got %v", err)
		}
		synctest.Wait()
		leave <- true
		all.Wait()
	})
}

// Callers that wait for a load do not fail because the caller that began it has left.
func TestWaitersOutliveTheFirst(t *testing.T) { synctest.Test(t, testWaitersOutliveTheFirst) }

func testWaitersOutliveTheFirst(t *testing.T) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, one).V1
	entered, leave := make(chan bool), make(chan bool)
	h.set(func(tap *tap) {
		tap.before = func(ctx context.Context) error { entered <- true; <-leave; return ctx.Err() }
	})
	ctx, goAway := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := h.GetTorrent(ctx, id); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone got %v", err)
		}
	})
	<-entered
	for range 20 {
		all.Go(func() { h.want(t, id, one) })
	}
	synctest.Wait()
	goAway()
	leave <- true
	<-entered // the next one loads, for all others
	synctest.Wait()
	leave <- true
	all.Wait()
	h.wantCalls(t, 0, func() { h.want(t, id, one) })
}

// A torrent that was loaded before a change is not kept after it.
func TestChangeDuringAFill(t *testing.T) {
	for name, change := range map[string]func(h *harness, ids infohash.Set){
		"invalidate": func(h *harness, ids infohash.Set) { h.Invalidate(ids) },
		"clear":      func(h *harness, _ infohash.Set) { h.Clear() },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, roomy, false)
			ids := h.upload(t, one)
			h.set(func(tap *tap) { tap.after = func() { change(h, ids) } })
			h.want(t, ids.V1, one)
			h.set(func(tap *tap) { tap.after = nil })
			if h.answer(ids.V1) != nil {
				t.Error("what was loaded before the change is kept")
			}
			h.wantCalls(t, 1, func() { h.want(t, ids.V1, one) })
		})
	}
}

func TestOnlyBytesOfTheHashAreKept(t *testing.T) {
	for name, bytes := range map[string][]byte{"another torrent": torrenttest.V1("two"), "no torrent": []byte("nonsense")} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, roomy, false)
			id := h.upload(t, one).V1
			h.set(func(tap *tap) {
				tap.twist = func(reply any) { reply.(*torrentcachev1.GetTorrentResponse).Torrent = bytes }
			})
			h.wantReason(t, id, reason.TorrentDamaged)
			h.set(func(tap *tap) { tap.twist = nil })
			h.want(t, id, one)
		})
	}
}

func TestCredentialsGoPastTheCache(t *testing.T) {
	h := newHarness(t, roomy, false)
	id := h.upload(t, one).V1
	h.want(t, id, one)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer x")
	h.wantCalls(t, 1, func() {
		if _, err := h.GetTorrent(ctx, id); err != nil {
			t.Error(err)
		}
	})
}

func TestUploadAtTheDoorIsSeenThere(t *testing.T) {
	h := newHarness(t, roomy, true)
	go h.Follow(t.Context())
	id := newHarness(t, roomy, false).upload(t, one).V1
	eventually(t, "the absence is never kept", func() bool {
		h.wantReason(t, id, reason.TorrentNotFound)
		return h.answer(id) != nil
	})
	h.set(func(tap *tap) { tap.deaf = true; tap.cut() }) // the feed says nothing
	door := torrentcachev1.NewCacheServiceClient(h.Conn(h.tap))
	if _, err := door.CacheTorrent(t.Context(), &torrentcachev1.CacheTorrentRequest{Torrent: one}); err != nil {
		t.Fatal(err)
	}
	if h.answer(id) != nil {
		t.Error("the 404 is still ready")
	}
	h.want(t, id, one)
}

// A crawler that takes everything once neither fills the memory nor displaces
// torrents that are asked for again and again.
func TestBoundedAndScanResistant(t *testing.T) {
	const size = 1 << 20
	h := newHarness(t, size, false)
	var hot []infohash.ID
	for i := range 10 {
		hot = append(hot, h.upload(t, torrenttest.Random(uint64(i), 20_000)).V1)
	}
	askHot := func() {
		for _, id := range hot {
			if _, err := h.GetTorrent(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 20 {
		askHot()
		h.Settle()
	}
	// Between two rounds the crawler takes more than the cache holds, so that one
	// that kept only the latest torrents would have lost all ten each time.
	const rounds, crawled = 5, 60
	missed := 0
	for i := range rounds * crawled {
		id := h.upload(t, torrenttest.Random(uint64(1000+i), 20_000)).V1
		if _, err := h.GetTorrent(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if i%crawled == crawled-1 {
			before := h.count()
			askHot()
			missed += h.count() - before
		}
		h.Settle()
	}
	if got := h.Stats().Bytes; got > size {
		t.Errorf("the cache takes %d bytes, may have %d", got, size)
	}
	if missed > rounds*len(hot)/2 {
		t.Errorf("%d of %d hot torrents were displaced", missed, rounds*len(hot))
	}
}
