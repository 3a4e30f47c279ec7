package hotcache_test

import (
	"testing"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// wantLoaded fails the test unless the fast path loads torrent for id.
func (h *harness) wantLoaded(t *testing.T, id infohash.ID, torrent []byte) {
	t.Helper()
	if a := h.fast.Load(id, &fastpath.Scratch{}); a == nil || string(a.Body()) != string(torrent) {
		t.Fatalf("the fast path does not load the torrent %s", id)
	}
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

// What the fast path loads and what it keeps of it is what the door says.
func TestLoadedAnswersAreTheDoors(t *testing.T) {
	h := newLocal(t, roomy)
	for _, torrent := range [][]byte{one, hybrid, torrenttest.V2("two"), torrenttest.Random(3, 100), torrenttest.Random(4, 300_000)} {
		ids := h.upload(t, torrent)
		for _, id := range ids.All() {
			want := fastpath.Capture(t.Context(), h.door, id, torrent)
			h.Clear()
			for _, got := range []*fastpath.Answer{h.fast.Load(id, &fastpath.Scratch{}), h.fast.Answer(id)} {
				if got == nil || got.Header() != want.Header() || string(got.Body()) != string(torrent) {
					t.Fatalf("for %s got %+v\nwant %q", id, got, want.Header())
				}
			}
			h.want(t, id, torrent) // from what was kept
		}
	}
	want := fastpath.Capture(t.Context(), h.door, unknown, nil)
	if got := h.fast.Load(unknown, &fastpath.Scratch{}); got == nil || got.Header() != want.Header() || string(got.Body()) != string(want.Body()) {
		t.Errorf("for an unknown one got %+v", got)
	}
}

func TestLoadWithoutAReader(t *testing.T) {
	h := newHarness(t, roomy, false)
	if h.fast.Load(h.upload(t, one).V1, &fastpath.Scratch{}) != nil {
		t.Error("something was loaded")
	}
}

func TestWhatHasAnotherAnswerIsNotLoaded(t *testing.T) {
	h := newLocal(t, roomy)
	id := h.upload(t, one).V1
	h.remove(t, id)
	if h.fast.Load(id, &fastpath.Scratch{}) != nil {
		t.Error("a removed torrent was loaded")
	}
}

// Where room is short, what is asked for once leaves no trace; asked for again it stays.
func TestAFullCacheTakesWhatIsAskedForTwice(t *testing.T) {
	h := newLocal(t, 1<<20)
	torrent := torrenttest.Random(1, 20_000)
	id := h.upload(t, torrent).V1
	h.fill(t)
	h.wantLoaded(t, id, torrent)
	if h.fast.Answer(id) != nil {
		t.Error("it was kept at once")
	}
	h.wantLoaded(t, id, torrent)
	if h.fast.Answer(id) == nil {
		t.Error("it was not kept the second time")
	}
}

// Bytes whose info does not hash to the id are never kept, wherever they are from.
func TestOnlyBytesOfTheHashAreKeptOfALoad(t *testing.T) {
	h := newLocal(t, roomy)
	id := h.upload(t, torrenttest.Random(1, 20_000)).V1
	h.reader.twist = func(b []byte) { b[len(b)/2]++ }
	h.fast.Load(id, &fastpath.Scratch{})
	if h.fast.Answer(id) != nil {
		t.Error("damaged bytes are kept")
	}
}

func TestChangeDuringALoad(t *testing.T) {
	h := newLocal(t, roomy)
	ids := h.upload(t, one)
	h.reader.after = func() { h.Invalidate(ids) }
	h.wantLoaded(t, ids.V1, one)
	if h.fast.Answer(ids.V1) != nil {
		t.Error("what was loaded before the change is kept")
	}
}

// Who waits for a load that fails learns why by a call of its own.
func TestSomebodyWaitsForALoadThatFails(t *testing.T) {
	h := newLocal(t, roomy)
	id := h.upload(t, one).V1
	h.remove(t, id)
	waited := make(chan struct{})
	h.reader.after = func() {
		go func() {
			defer close(waited)
			if _, err := h.GetTorrent(t.Context(), id); reason.Of(err).Reason != reason.TorrentRemoved {
				t.Errorf("got %v", err)
			}
		}()
		eventually(t, "nobody waits", func() bool { return h.Waiting(id) == 1 })
	}
	h.fast.Load(id, &fastpath.Scratch{})
	<-waited
}

// Who waits for a load has bytes that nobody overwrites, kept or not.
func TestSomebodyWaitsForALoad(t *testing.T) {
	h := newLocal(t, 1<<20)
	torrent := torrenttest.Random(1, 20_000)
	id := h.upload(t, torrent).V1
	h.fill(t)
	waited := make(chan struct{})
	h.reader.after = func() {
		go func() {
			defer close(waited)
			h.want(t, id, torrent)
		}()
		eventually(t, "nobody waits", func() bool { return h.Waiting(id) == 1 })
	}
	var s fastpath.Scratch
	s.Room = make([]byte, 0, 1<<20)
	h.wantCalls(t, 0, func() {
		if h.fast.Load(id, &s) == nil {
			t.Fatal("nothing was loaded")
		}
		clear(s.Room[:cap(s.Room)])
		<-waited
	})
}
