package hotcache_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/gateway"
	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/web"
)

// wantAnswer fails the test unless the fast path has torrent for id after so many reads.
func (h *harness) wantAnswer(t *testing.T, id infohash.ID, torrent []byte, reads int64) {
	t.Helper()
	before := h.reader.reads.Load()
	if a := h.answer(id); a == nil || string(a.Body()) != string(torrent) {
		t.Fatalf("the fast path has not the torrent %s", id)
	}
	if got := h.reader.reads.Load() - before; got != reads {
		t.Errorf("the store was read %d times, want %d", got, reads)
	}
	h.wantMemory(t, 0)
}

// fill makes the cache full: an entry has had to leave.
func (h *harness) fill(t *testing.T) {
	t.Helper()
	for i := range uint64(80) {
		h.wantReason(t, infohash.V1([20]byte{1, byte(i)}), reason.TorrentNotFound)
		h.Settle()
		big := torrenttest.Random(500+i, 20_000)
		h.want(t, h.upload(t, big).V1, big)
		h.Settle()
	}
}

// The answers that the fast path loads, and those that it keeps, are the same as the door's.
func TestLoadedAnswersAreTheDoors(t *testing.T) {
	for name, o := range map[string]gateway.Options{"private network": {}, "public": {Options: web.Options{PublicURL: "https://cache.example"}, MissingMaxAge: time.Minute}} {
		t.Run(name, func(t *testing.T) { compareWithDoor(t, newLocalOf(t, roomy, o)) })
	}
}

func compareWithDoor(t *testing.T, h *harness) {
	t.Helper()
	for _, torrent := range [][]byte{one, hybrid, torrenttest.V2("two"), torrenttest.Random(3, 100), torrenttest.Random(4, 300_000)} {
		ids := h.upload(t, torrent)
		for _, id := range ids.All() {
			want := fastpath.Capture(t.Context(), h.door, id)
			h.Clear()
			for _, got := range []*fastpath.Answer{h.answer(id), h.answer(id)} {
				if got == nil || got.Header() != want.Header() || string(got.Body()) != string(torrent) {
					t.Fatalf("for %s got %+v\nwant %q", id, got, want.Header())
				}
			}
			h.want(t, id, torrent) // from the kept answer
		}
	}
	want := fastpath.Capture(t.Context(), h.door, unknown)
	if got := h.answer(unknown); got == nil || got.Header() != want.Header() || string(got.Body()) != string(want.Body()) {
		t.Errorf("for an unknown one got %+v", got)
	}
}

func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	h := newHarness(t, roomy, false)
	if h.answer(h.upload(t, one).V1) != nil {
		t.Error("something was loaded")
	}
}

func TestWhatHasAnotherAnswerIsNotLoaded(t *testing.T) {
	h := newLocal(t, roomy)
	id := h.upload(t, one).V1
	h.remove(t, id)
	if h.answer(id) != nil {
		t.Error("a removed torrent was loaded")
	}
}

// Where room is short, a torrent that is asked for once is not kept. Asked for again it stays.
func TestAFullCacheTakesWhatIsAskedForTwice(t *testing.T) {
	h := newLocal(t, 1<<20)
	torrent := torrenttest.Random(1, 20_000)
	id := h.upload(t, torrent).V1
	h.fill(t)
	h.wantAnswer(t, id, torrent, 1)
	h.wantAnswer(t, id, torrent, 1)
	h.wantAnswer(t, id, torrent, 0)
}

// Bytes whose info does not hash to the id are never kept, wherever they are from.
func TestOnlyBytesOfTheHashAreKeptOfALoad(t *testing.T) {
	h := newLocal(t, roomy)
	id := h.upload(t, torrenttest.Random(1, 20_000)).V1
	h.reader.twist = func(b []byte) { b[len(b)/2]++ }
	for range 2 {
		if h.answer(id) != nil {
			t.Error("damaged bytes are an answer")
		}
		h.wantReason(t, id, reason.TorrentDamaged)
	}
}

func TestChangeDuringALoad(t *testing.T) {
	h := newLocal(t, roomy)
	ids := h.upload(t, one)
	h.reader.after = func() { h.Invalidate(ids) }
	h.wantAnswer(t, ids.V1, one, 1)
	h.wantAnswer(t, ids.V1, one, 1)
	h.reader.after = nil
	h.wantAnswer(t, ids.V1, one, 1)
	h.wantAnswer(t, ids.V1, one, 0)
}

// Of two callers that ask the fast path at a time one is answered. Its torrent may lie in memory
// that is used again. So all others wait, and then load for themselves.
func TestOthersAskDuringALoad(t *testing.T) { synctest.Test(t, testOthersAskDuringALoad) }

func testOthersAskDuringALoad(t *testing.T) {
	h := newLocal(t, 1<<20)
	torrent := torrenttest.Random(1, 20_000)
	id := h.upload(t, torrent).V1
	h.fill(t)
	waited := make(chan struct{})
	h.reader.after = func() {
		h.reader.after = nil
		if h.answer(id) != nil {
			t.Error("two loads go on at a time")
		}
		go func() {
			defer close(waited)
			h.want(t, id, torrent)
		}()
		synctest.Wait()
	}
	if a := h.answer(id); a == nil || string(a.Body()) != string(torrent) {
		t.Error("the first to ask has no answer")
	}
	<-waited
}

func TestOthersAskDuringALoadThatFails(t *testing.T) {
	synctest.Test(t, testOthersAskDuringALoadThatFails)
}

func testOthersAskDuringALoadThatFails(t *testing.T) {
	h := newLocal(t, roomy)
	id := h.upload(t, one).V1
	h.remove(t, id)
	waited := make(chan struct{})
	h.reader.after = func() {
		h.reader.after = nil
		go func() {
			defer close(waited)
			h.wantReason(t, id, reason.TorrentRemoved)
		}()
		synctest.Wait()
	}
	if h.answer(id) != nil {
		t.Error("a removed torrent was loaded")
	}
	<-waited
	if got := h.reader.reads.Load(); got != 2 {
		t.Errorf("the store was read %d times", got)
	}
}
