package server_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
)

type feed = interface {
	Recv() (*torrentcachev1.WatchChangesResponse, error)
}

func watchFrom(t *testing.T, h *servertest.Harness, cursor string) feed {
	t.Helper()
	stream, err := torrentcachev1.NewSyncServiceClient(h.Conn).WatchChanges(t.Context(),
		&torrentcachev1.WatchChangesRequest{AfterCursor: cursor})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func receive(t *testing.T, f feed) *torrentcachev1.WatchChangesResponse {
	t.Helper()
	news, err := f.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return news
}

// untilQuiet receives until there are no more changes, and returns them and the cursor.
func untilQuiet(t *testing.T, f feed) ([]*torrentcachev1.Change, string) {
	t.Helper()
	var all []*torrentcachev1.Change
	for {
		news := receive(t, f)
		all = append(all, news.GetChanges()...)
		if len(news.GetChanges()) == 0 {
			return all, news.GetCursor()
		}
	}
}

func TestWatchChanges(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		cached := h.Put(t, torrenttest.Hybrid("a"))
		f := watchFrom(t, h, "")
		changes, cursor := untilQuiet(t, f)
		if len(changes) != 1 {
			t.Fatalf("got %d changes, want 1", len(changes))
		}
		want := &torrentcachev1.Change{
			Kind:       torrentcachev1.ChangeKind_CHANGE_KIND_ADDED,
			InfoHash:   cached.GetInfoHash(),
			InfoHashV1: cached.GetInfoHashV1(),
			InfoHashV2: cached.GetInfoHashV2(),
			ChangeTime: changes[0].GetChangeTime(),
		}
		if !proto.Equal(changes[0], want) || changes[0].GetChangeTime().AsTime().IsZero() {
			t.Errorf("got %v, want %v", changes[0], want)
		}

		id := &torrentcachev1.RemoveTorrentRequest{InfoHash: cached.GetInfoHashV1()}
		if _, err := h.Admin.RemoveTorrent(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: cached.GetInfoHashV2()}); err != nil {
			t.Fatal(err)
		}
		var kinds []torrentcachev1.ChangeKind
		for len(kinds) < 2 {
			for _, c := range receive(t, f).GetChanges() {
				kinds = append(kinds, c.GetKind())
			}
		}
		if kinds[0] != torrentcachev1.ChangeKind_CHANGE_KIND_REMOVED || kinds[1] != torrentcachev1.ChangeKind_CHANGE_KIND_RESTORED {
			t.Errorf("got %v", kinds)
		}

		if again, _ := untilQuiet(t, watchFrom(t, h, cursor)); len(again) != 2 {
			t.Errorf("after the cursor came %d changes, want 2", len(again))
		}
		if none, _ := untilQuiet(t, watchFrom(t, h, "now")); len(none) != 0 {
			t.Errorf("after now came %d changes", len(none))
		}
	})
}

// The kinds of changes have the same numbers in the store and in the API. A kind that this program
// does not know goes out unchanged: the followers forget the torrent.
func TestWatchChangesKinds(t *testing.T) {
	kinds := map[store.ChangeKind]torrentcachev1.ChangeKind{
		store.ChangeAdded:    torrentcachev1.ChangeKind_CHANGE_KIND_ADDED,
		store.ChangeReplaced: torrentcachev1.ChangeKind_CHANGE_KIND_REPLACED,
		store.ChangeRemoved:  torrentcachev1.ChangeKind_CHANGE_KIND_REMOVED,
		store.ChangeRestored: torrentcachev1.ChangeKind_CHANGE_KIND_RESTORED,
		store.ChangeDropped:  torrentcachev1.ChangeKind_CHANGE_KIND_DROPPED,
		200:                  200,
	}
	ids := infohash.Set{V1: infohash.V1([20]byte{1})}
	var changes []store.Change
	for kind := range kinds {
		changes = append(changes, store.Change{Kind: kind, IDs: ids})
	}
	for name, connect := range servertest.Both() {
		t.Run(name, func(t *testing.T) {
			h := servertest.New(t, connect, func(o *servertest.Options) { o.Store = fixedFeed{o.Store, changes} })
			got, _ := untilQuiet(t, watchFrom(t, h, ""))
			if len(got) != len(changes) {
				t.Fatalf("%d changes, want %d", len(got), len(changes))
			}
			for i, c := range got {
				if want := kinds[changes[i].Kind]; c.GetKind() != want || c.GetInfoHash() != ids.V1.String() {
					t.Errorf("kind %d: got %v, want %s", changes[i].Kind, c, want)
				}
			}
		})
	}
}

// fixedFeed is a store that tells these changes.
type fixedFeed struct {
	store.Store
	changes []store.Change
}

// Changes implements [store.Store].
func (f fixedFeed) Changes(_ context.Context, after store.Cursor, _ int) ([]store.Change, store.Cursor, error) {
	if after != (store.Cursor{}) {
		return nil, after, nil
	}
	return f.changes, store.Cursor{Epoch: 1, Sequence: uint64(len(f.changes))}, nil
}

func TestWatchChangesHeartbeat(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		f := watchFrom(t, h, "")
		for range 3 {
			if news := receive(t, f); len(news.GetChanges()) != 0 || news.GetRestarted() {
				t.Errorf("got %v, want a heartbeat", news)
			}
		}
	})
}

// Changes that others make in a shared store are found by polling.
func TestWatchChangesMadeElsewhere(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		f := watchFrom(t, h, "now")
		untilQuiet(t, f)
		torrent, err := metainfo.Parse(torrenttest.V1("elsewhere"))
		if err != nil {
			t.Fatal(err)
		}
		offset, length := torrent.InfoSpan()
		item := store.Item{IDs: torrent.IDs(), Torrent: torrent.Bytes(), InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
		if r := h.Store.Store.Put(t.Context(), []store.Item{item}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		for {
			if news := receive(t, f); len(news.GetChanges()) == 1 {
				return
			}
		}
	})
}

func TestWatchChangesOfAnotherEpoch(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		h.Put(t, torrenttest.V1("a"))
		if news := receive(t, watchFrom(t, h, "ffff-1")); !news.GetRestarted() || len(news.GetChanges()) != 1 {
			t.Errorf("got %v, want the feed begun anew", news)
		}
	})
}

func TestWatchChangesRefuses(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		for _, cursor := range []string{"x", "1", "1-", "-1", "1-2-3", "01-2", "1-g", "+1-2", "1-fffffffffffffffff"} {
			_, err := watchFrom(t, h, cursor).Recv()
			servertest.WantReadReason(t, err, reason.RequestInvalid)
		}
	})
}

func TestWatchChangesEndsOnDrain(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		f := watchFrom(t, h, "")
		receive(t, f)
		close(h.Quit)
		for {
			if _, err := f.Recv(); err != nil {
				servertest.WantReadReason(t, err, reason.Overloaded)
				return
			}
		}
	})
}

// A watcher that does not read holds nobody up.
func TestWatcherThatDoesNotRead(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		f := watchFrom(t, h, "")
		receive(t, f)
		const torrents = 100
		for i := range torrents {
			h.Put(t, torrenttest.Random(uint64(i), 400))
		}
		for got := 0; got < torrents; {
			got += len(receive(t, f).GetChanges())
		}
	})
}

// OnChange is called before the call that changed something returns.
func TestOnChange(t *testing.T) {
	var told []infohash.Set
	st := memstore.New()
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) {
		o.Store, o.OnChange = st, func(ids infohash.Set) { told = append(told, ids) }
	})
	torrent, err := metainfo.Parse(torrenttest.Hybrid("a"))
	if err != nil {
		t.Fatal(err)
	}
	ids := torrent.IDs()
	remove := func(id infohash.ID) {
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: id.String()}); err != nil {
			t.Fatal(err)
		}
	}
	restore := func() {
		if _, err := h.Admin.RestoreTorrent(t.Context(), &torrentcachev1.RestoreTorrentRequest{InfoHash: ids.V1.String()}); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere := infohash.V1([20]byte{1})
	for _, step := range []struct {
		name string
		do   func()
		want []infohash.Set
	}{
		{"upload", func() { h.Put(t, torrent.Bytes()) }, []infohash.Set{ids}},
		{"the same upload", func() { h.Put(t, torrent.Bytes()) }, nil},
		{"removal by one id", func() { remove(ids.V2.Short()) }, []infohash.Set{ids}},
		{"restoration", restore, []infohash.Set{ids}},
		{"removal in advance", func() { remove(elsewhere) }, []infohash.Set{{V1: elsewhere}}},
		{"removal of a damaged torrent", func() { st.Damage(ids.V1); remove(ids.V1) }, []infohash.Set{ids}},
	} {
		told = nil
		step.do()
		if len(told) != len(step.want) || len(told) == 1 && told[0] != step.want[0] {
			t.Errorf("%s: told %v, want %v", step.name, told, step.want)
		}
	}
}

// The call of a watcher that has gone ends.
func TestWatcherThatLeaves(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		stream, err := torrentcachev1.NewSyncServiceClient(h.Conn).WatchChanges(ctx, &torrentcachev1.WatchChangesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		receive(t, stream) // the server has the call
		leave()
		if call := <-h.Calls; call.Method != torrentcachev1.SyncService_WatchChanges_FullMethodName {
			t.Errorf("the call that ended is %s", call.Method)
		}
	})
}
