package server_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

// cacheAll sends items over one stream, numbered by their places, and returns the
// results by those numbers.
func cacheAll(t *testing.T, h *servertest.Harness, items ...*torrentcachev1.CacheTorrentsRequest) []*torrentcachev1.CacheTorrentsResponse {
	t.Helper()
	return cacheAllAs(t, h, t.Context(), items...)
}

// cacheAllAs is cacheAll by the caller of ctx.
func cacheAllAs(t *testing.T, h *servertest.Harness, ctx context.Context, items ...*torrentcachev1.CacheTorrentsRequest) []*torrentcachev1.CacheTorrentsResponse {
	t.Helper()
	stream, err := h.Cache.CacheTorrents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i, item := range items {
			item.ItemId = uint64(i)
			if err := stream.Send(item); err != nil {
				t.Errorf("item %d: %v", i, err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
	results := make([]*torrentcachev1.CacheTorrentsResponse, len(items))
	for {
		result, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if results[result.GetItemId()] != nil {
			t.Errorf("item %d has two results", result.GetItemId())
		}
		results[result.GetItemId()] = result
	}
	return results
}

// told is a result in short: its outcome or its reason.
func told(r *torrentcachev1.CacheTorrentsResponse) string {
	if r.GetError() != nil {
		return r.GetError().GetReason()
	}
	return r.GetCached().GetOutcome().String()
}

func TestCacheTorrentsAnswersEachItem(t *testing.T) {
	whole, bare := layered(t)
	a, removed := torrenttest.V1("a"), torrenttest.V1("removed")
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		h.Put(t, bare)
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: servertest.HashOf(removed)}); err != nil {
			t.Fatal(err)
		}
		cases := []struct {
			torrent  []byte
			expected string
			want     string
		}{
			{a, "", "OUTCOME_CREATED"},
			{[]byte("no torrent"), "", "TORRENT_INVALID"},
			{nil, "", "TORRENT_EMPTY"},
			{torrenttest.Random(1, servertest.MaxSize+1000), "", "TORRENT_TOO_LARGE"},
			{gzipped(t, torrenttest.V1("zipped")), "", "OUTCOME_CREATED"},
			{torrenttest.V1("b"), servertest.HashOf(a), "TORRENT_INVALID"},
			{torrenttest.V1("b"), "nonsense", "HASH_MALFORMED"},
			{removed, "", "TORRENT_REMOVED"},
			{whole, "", "OUTCOME_COMPLETED"},
			{torrenttest.Hybrid("c"), "", "OUTCOME_CREATED"},
		}
		var items []*torrentcachev1.CacheTorrentsRequest
		for _, c := range cases {
			items = append(items, &torrentcachev1.CacheTorrentsRequest{Torrent: c.torrent, ExpectedInfoHash: c.expected})
		}
		for i, result := range cacheAll(t, h, items...) {
			if told(result) != cases[i].want {
				t.Errorf("item %d: %s, want %s", i, told(result), cases[i].want)
			}
			if e := result.GetError(); e != nil && (e.GetMessage() == "" || codes.Code(e.GetCode()) != reason.Reason(e.GetReason()).Answer().Code) {
				t.Errorf("item %d: code %d, message %q", i, e.GetCode(), e.GetMessage())
			}
			if c := result.GetCached(); c != nil && c.GetInfoHash() == "" {
				t.Errorf("item %d: no info hash", i)
			}
		}
		answer, err := h.Cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: servertest.HashOf(a)})
		if err != nil || !cmp.Equal(answer.GetTorrent(), a) {
			t.Errorf("what was acknowledged: %v", err)
		}
	})
}

func TestCacheTorrentsTakesManyItems(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		const different, times = 700, 3
		var items []*torrentcachev1.CacheTorrentsRequest
		for i := range different * times {
			items = append(items, &torrentcachev1.CacheTorrentsRequest{Torrent: torrenttest.Random(uint64(i%different), 20_000)})
		}
		outcomes := map[string]int{}
		for _, result := range cacheAll(t, h, items...) {
			outcomes[told(result)]++
		}
		want := map[string]int{"OUTCOME_CREATED": different, "OUTCOME_ALREADY_CACHED": different * (times - 1)}
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// The store is given all items that gathered while it was busy, in one put.
func TestCacheTorrentsSharesCommits(t *testing.T) {
	h := servertest.New(t, servertest.InProcess) // where every item sent has been received
	const items = 200
	puts, sent := 0, make(chan struct{})
	h.Store.SetPut(func(ctx context.Context, batch []store.Item) []store.Result {
		if puts++; puts == 1 {
			<-sent
		}
		return h.Store.Store.Put(ctx, batch)
	})
	stream, err := h.Cache.CacheTorrents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: uint64(i), Torrent: torrenttest.Random(uint64(i), 500)}); err != nil {
			t.Fatal(err)
		}
	}
	close(sent)
	for range items {
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	// The first put took at least one item, the second those that gathered meanwhile. Some may come
	// late.
	if puts > items/20 {
		t.Errorf("%d puts for %d items", puts, items)
	}
}

func TestCacheTorrentsWhenTheStoreFails(t *testing.T) {
	failures := map[string]struct {
		put  func(context.Context, []store.Item) []store.Result
		want string
		logs string
	}{
		"full": {func(_ context.Context, items []store.Item) []store.Result {
			results := make([]store.Result, len(items))
			for i := range results {
				results[i].Err = store.ErrFull
			}
			return results
		}, "STORAGE_FULL", "store full"},
		"panic": {func(context.Context, []store.Item) []store.Result { panic("out of cheese") }, "INTERNAL", "out of cheese"},
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
				h.Store.SetPut(failure.put)
				bad := &torrentcachev1.CacheTorrentsRequest{Torrent: []byte("no torrent")}
				good := &torrentcachev1.CacheTorrentsRequest{Torrent: torrenttest.V1("good")}
				results := cacheAll(t, h, bad, good)
				if told(results[0]) != "TORRENT_INVALID" || told(results[1]) != failure.want {
					t.Errorf("%s and %s, want TORRENT_INVALID and %s", told(results[0]), told(results[1]), failure.want)
				}
				if strings.Contains(results[1].GetError().GetMessage(), failure.logs) {
					t.Errorf("the client is told of the inside: %s", results[1].GetError().GetMessage())
				}
				if !strings.Contains(h.Log.String(), failure.logs) {
					t.Errorf("the log does not tell why: %s", h.Log)
				}
				h.Store.SetPut(nil)
				if result := cacheAll(t, h, good)[0]; told(result) != "OUTCOME_CREATED" {
					t.Errorf("afterwards %s", told(result))
				}
			})
		})
	}
}

func TestCacheTorrentsOfAClientThatGoesAway(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := h.Cache.CacheTorrents(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{Torrent: torrenttest.V1("a")}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if call := <-h.Calls; call.Code != codes.Canceled {
			t.Errorf("the call ended with %s", call.Code)
		}
	})
}

// On shutdown a stream answers the items that it has received and ends. Clients send the rest
// elsewhere.
func TestCacheTorrentsEndsWhenTheServerQuits(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		stream, err := h.Cache.CacheTorrents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&torrentcachev1.CacheTorrentsRequest{ItemId: 7, Torrent: torrenttest.V1("a")}); err != nil {
			t.Fatal(err)
		}
		first, err := stream.Recv()
		if err != nil || told(first) != "OUTCOME_CREATED" {
			t.Fatalf("%v, %v", first, err)
		}
		close(h.Quit)
		_, err = stream.Recv()
		servertest.WantReason(t, err, reason.Overloaded)
	})
}
