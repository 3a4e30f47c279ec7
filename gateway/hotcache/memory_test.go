package hotcache_test

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/gateway/fastpath"
	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// get calls GetTorrent for a caller whose answer has not left until release is called.
func (h *harness) get(t *testing.T, id infohash.ID) (torrent []byte, release func()) {
	t.Helper()
	reserved := h.reserved()
	got, err := h.GetTorrent(limit.WithReservation(t.Context(), reserved), id)
	if err != nil {
		t.Fatal(err)
	}
	return got.GetTorrent(), reserved.Release
}

// The memory of a torrent is held while it is sent, once for all callers that get it from the
// cache. It is given back after that, whether the torrent is kept or not.
func TestMemoryIsHeldWhileATorrentIsSent(t *testing.T) {
	const size = 20_000
	for name, full := range map[string]bool{"kept": false, "not kept": true} {
		t.Run(name, func(t *testing.T) {
			h := newLocal(t, 1<<20)
			torrent := torrenttest.Random(1, size)
			id := h.upload(t, torrent).V1
			if full {
				h.fill(t)
			}
			_, first := h.get(t, id)
			h.wantMemory(t, len(torrent))
			first()
			h.wantMemory(t, 0)
			h.want(t, id, torrent) // is kept the second time
			_, second := h.get(t, id)
			_, third := h.get(t, id)
			h.wantMemory(t, len(torrent))
			second()
			h.Clear()
			h.wantMemory(t, len(torrent))
			third()
			h.wantMemory(t, 0)
		})
	}
}

// The reservation of the answer counts a torrent that the fast path loads and does not keep, in
// memory that is used again. The answer itself counts a kept torrent, once it has to wait.
func TestMemoryOfTheFastPath(t *testing.T) {
	h := newLocal(t, 1<<20)
	torrent := torrenttest.Random(1, 20_000)
	id := h.upload(t, torrent).V1
	h.fill(t)
	for _, want := range []int{fastpath.ScratchSize, 0, 0} {
		reserved := h.reserved()
		if h.fast(id, reserved, true) == nil {
			t.Fatal("no answer")
		}
		h.wantMemory(t, want)
		reserved.Release()
		h.wantMemory(t, 0)
	}
}

// Every caller gets the bytes that were read, not a copy.
func TestEntriesAreNotCopied(t *testing.T) {
	h := newLocal(t, roomy)
	var read []byte
	h.reader.twist = func(b []byte) { read = b }
	id := h.upload(t, torrenttest.Random(1, 20_000)).V1
	for range 2 {
		got, release := h.get(t, id)
		release()
		if answer := h.answer(id).Body(); &got[0] != &read[0] || &answer[0] != &read[0] {
			t.Error("there is a copy")
		}
	}
}

// A message from the network is counted elsewhere for as long as it is in memory. The cache
// copies its torrent, so that the message does not stay as long as the entry.
func TestMessagesOfTheNetworkAreNotKept(t *testing.T) {
	h := newHarness(t, roomy, false)
	var message []byte
	h.set(func(tap *tap) {
		tap.twist = func(reply any) {
			r := reply.(*torrentcachev1.GetTorrentResponse)
			message = bytes.Clone(r.GetTorrent())
			r.Torrent = message
		}
	})
	id := h.upload(t, one).V1
	h.want(t, id, one)
	got, release := h.get(t, id)
	defer release()
	if &got[0] == &message[0] {
		t.Error("the message is kept")
	}
}

// narrow returns a context whose Reservation has no room, and a function that makes room.
func narrow(t *testing.T) (ctx context.Context, reserved *limit.Reservation, free func()) {
	t.Helper()
	limits := limit.New(limit.Settings{Memory: 1000})
	other := limits.Reservation(limit.Caller{}, limit.Answering, nil)
	if !other.Try(1000) {
		t.Fatal("not even one may have all")
	}
	reserved = limits.Reservation(limit.Caller{}, limit.Answering, nil)
	return limit.WithReservation(t.Context(), reserved), reserved, other.Release
}

// A caller that is refused memory for its load does not pass that error to others that wait for it.
func TestRefusedMemoryIsTheLoadersOwn(t *testing.T) {
	synctest.Test(t, testRefusedMemoryIsTheLoadersOwn)
}

func testRefusedMemoryIsTheLoadersOwn(t *testing.T) {
	h := newLocal(t, roomy)
	torrent := torrenttest.Random(1, 20_000)
	id := h.upload(t, torrent).V1
	ctx, _, _ := narrow(t)
	waited := make(chan struct{})
	h.reader.before = func() {
		h.reader.before = nil
		go func() {
			defer close(waited)
			h.want(t, id, torrent)
		}()
		synctest.Wait()
	}
	if _, err := h.GetTorrent(ctx, id); reason.Of(err).Reason != reason.Overloaded {
		t.Errorf("who has no memory got %v", err)
	}
	<-waited
	if got := h.reader.reads.Load(); got != 2 {
		t.Errorf("the store was read %d times, want 2", got)
	}
}

// A kept torrent, too, is refused if memory is short, after a little time to wait for memory.
func TestMemoryOfWhatIsKeptIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLocal(t, roomy)
		id := h.upload(t, one).V1
		h.want(t, id, one)
		ctx, reserved, free := narrow(t)
		if _, err := h.GetTorrent(ctx, id); reason.Of(err).Reason != reason.Overloaded {
			t.Errorf("who has no memory got %v", err)
		}
		time.AfterFunc(time.Second, free)
		if _, err := h.GetTorrent(ctx, id); err != nil {
			t.Error(err)
		}
		reserved.Release()
	})
}

// The fast path waits for no memory: net/http does.
func TestFastPathDoesNotWaitForMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newLocal(t, roomy)
		id := h.upload(t, one).V1
		_, reserved, free := narrow(t)
		begun := time.Now()
		if h.fast(id, reserved, true) != nil {
			t.Error("there is an answer without memory")
		}
		if time.Since(begun) > 0 {
			t.Error("it was waited for")
		}
		free()
		if h.fast(id, reserved, true) == nil {
			t.Error("there is no answer with memory")
		}
	})
}

// While the cache may keep no torrents, every caller has a load and memory of its own.
func TestThroughWhileNotTrusted(t *testing.T) {
	h := newHarness(t, roomy, true) // nobody follows
	id := h.upload(t, one).V1
	loads := 0
	load := func(alloc func(n int) ([]byte, error)) (*torrentcachev1.GetTorrentResponse, error) {
		loads++
		b, err := alloc(len(one))
		copy(b, one)
		return &torrentcachev1.GetTorrentResponse{Torrent: b}, err
	}
	for want := range 3 {
		reserved := h.reserved()
		got, err := h.Through(limit.WithReservation(t.Context(), reserved), id, load)
		if err != nil || !bytes.Equal(got.GetTorrent(), one) || loads != want+1 {
			t.Errorf("got %d bytes, %v, by load %d", len(got.GetTorrent()), err, loads)
		}
		h.wantMemory(t, len(one))
		reserved.Release()
		h.wantMemory(t, 0)
	}
	ctx, _, _ := narrow(t)
	if _, err := h.Through(ctx, id, load); reason.Of(err).Reason != reason.Overloaded {
		t.Errorf("who has no memory got %v", err)
	}
	if s := h.Stats(); s.Entries != 0 {
		t.Errorf("%d entries are kept", s.Entries)
	}
}
