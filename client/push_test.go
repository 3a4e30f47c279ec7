package client_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/torrentcache/torrentcache/client"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/storetest"
)

func some(n, size int) [][]byte {
	torrents := make([][]byte, n)
	for i := range torrents {
		torrents[i] = torrenttest.Random(uint64(i), size)
	}
	return torrents
}

func push(t *testing.T, s *testServer, o client.PushOptions, list ...[]byte) *results {
	t.Helper()
	r := &results{}
	o.Result = r.add
	if err := s.dial(client.Options{}).Push(context.Background(), items(list...), o); err != nil {
		t.Fatal(err)
	}
	return r
}

func wantCounts(t *testing.T, r *results, want map[client.Status]int) {
	t.Helper()
	if diff := cmp.Diff(want, r.counts()); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestPushSendsWhatIsMissing(t *testing.T) {
	s := startServer(t)
	torrents := some(500, 3000)
	wantCounts(t, push(t, s, client.PushOptions{}, torrents[:200]...), map[client.Status]int{client.New: 200})
	wantCounts(t, push(t, s, client.PushOptions{}, torrents...), map[client.Status]int{client.New: 300, client.Already: 200})
	s.holds(torrents...)
}

func TestPushTellsWhatBecameOfEachKindOfItem(t *testing.T) {
	s := startServer(t)
	plain, zipped, private := torrenttest.V1("plain"), torrenttest.V1("zipped"), privateTorrent()
	removed, secret := torrenttest.V1("removed"), passkeyTorrent()
	if err := storetest.Remove(context.Background(), s.store, idOf(t, removed), store.Removal{}); err != nil {
		t.Fatal(err)
	}
	r := push(t, s, client.PushOptions{},
		plain, gzipped(zipped), private, removed, plain, secret,
		[]byte("no torrent"), []byte{}, bytes.Repeat([]byte("x"), maxSize+1), gzipped(bytes.Repeat([]byte("x"), maxSize+1)), gzipped(plain)[:40])
	reasons := map[string]int{}
	for _, result := range r.all {
		reasons[result.Status.String()+" "+result.Reason]++
	}
	want := map[string]int{
		"new ": 2, "already ": 1, "private ": 1, "refused TORRENT_REMOVED": 1, "passkey TORRENT_REFUSED": 1,
		"refused TORRENT_INVALID": 2, "refused TORRENT_EMPTY": 1, "refused TORRENT_TOO_LARGE": 2,
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.holds(plain, zipped)
	wantCounts(t, push(t, s, client.PushOptions{IncludePrivate: true}, private), map[client.Status]int{client.New: 1})
	wantCounts(t, push(t, s, client.PushOptions{IncludePasskeys: true}, secret), map[client.Status]int{client.New: 1})
}

func TestPushOfAnUnreadableItemGoesOn(t *testing.T) {
	s := startServer(t)
	good := torrenttest.V1("good")
	list := func(yield func(client.Item) bool) {
		_ = yield(client.Item{Name: "bad", Load: func() ([]byte, error) { return nil, errors.New("bad sector") }}) &&
			yield(client.Item{Name: "good", Size: 10, Load: func() ([]byte, error) { return good, nil }})
	}
	r := &results{}
	if err := s.dial(client.Options{}).Push(context.Background(), list, client.PushOptions{Result: r.add}); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, r, map[client.Status]int{client.New: 1, client.Unreadable: 1})
	s.holds(good)
}

func TestPushDryRunSendsNothing(t *testing.T) {
	s := startServer(t)
	torrents := some(10, 1000)
	push(t, s, client.PushOptions{}, torrents[:4]...)
	r := push(t, s, client.PushOptions{DryRun: true}, torrents...)
	wantCounts(t, r, map[client.Status]int{client.Already: 4, client.Missing: 6})
	s.holds(torrents[:4]...)
}

// An item with a known info hash is loaded only if the server lacks it. It is then loaded however
// little memory the push has.
func TestPushOfKnownItems(t *testing.T) {
	s := startServer(t)
	torrents := some(400, 20_000)
	push(t, s, client.PushOptions{}, torrents[:100]...)
	list := func(yield func(client.Item) bool) {
		for i, torrent := range torrents {
			load := func() ([]byte, error) { return torrent, nil }
			if i < 100 {
				load = func() ([]byte, error) {
					t.Error("loaded what the server has")
					return nil, errors.New("loaded")
				}
			}
			if !yield(client.Item{Known: idOf(t, torrent), Size: int64(len(torrent)), Load: load}) {
				return
			}
		}
	}
	r := &results{}
	o := client.PushOptions{Result: r.add, Memory: 100_000}
	if err := s.dial(client.Options{}).Push(context.Background(), list, o); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, r, map[client.Status]int{client.New: 300, client.Already: 100})
	s.holds(torrents...)
}

func TestPushOfAFileThatIsAnotherThanWasKnown(t *testing.T) {
	s := startServer(t)
	torrent := torrenttest.V1("new content")
	list := func(yield func(client.Item) bool) {
		yield(client.Item{Known: infohash.V1([20]byte{1}), Load: func() ([]byte, error) { return torrent, nil }})
	}
	if err := s.dial(client.Options{}).Push(context.Background(), list, client.PushOptions{}); err != nil {
		t.Fatal(err)
	}
	s.holds(torrent)
}

func TestPushSurvivesRestartsOfTheServer(t *testing.T) {
	s := startServer(t)
	torrents := some(3000, 2000)
	r, restarts := &results{}, 0
	o := client.PushOptions{Memory: 200_000, Streams: 3, Result: func(result client.Result) {
		r.add(result)
		if n := len(r.all); n%500 == 250 {
			restarts++
			s.grpc.Stop()
			s.start()
		}
	}}
	if err := s.dial(client.Options{}).Push(context.Background(), items(torrents...), o); err != nil {
		t.Fatal(err)
	}
	if restarts < 5 || len(r.all) != len(torrents) {
		t.Errorf("%d restarts, %d results for %d torrents", restarts, len(r.all), len(torrents))
	}
	s.holds(torrents...)
}

func TestPushGivesUpWhenPatienceEnds(t *testing.T) {
	s := startServer(t)
	c := s.dial(client.Options{})
	s.grpc.Stop()
	waited := false
	err := c.Push(context.Background(), items(torrenttest.V1("x")), client.PushOptions{
		Patience: time.Millisecond,
		Waiting:  func(error, time.Duration) { waited = true },
	})
	if err == nil || !waited || client.Reason(err) != "OVERLOADED" {
		t.Errorf("error %v (%s), waited %v", err, client.Reason(err), waited)
	}
}

func TestPushEndsWithItsContext(t *testing.T) {
	s := startServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	endless := func(yield func(client.Item) bool) {
		for i := uint64(0); yield(client.Item{Torrent: torrenttest.Random(i, 500)}); i++ {
		}
	}
	n := 0
	err := s.dial(client.Options{}).Push(ctx, endless, client.PushOptions{Result: func(client.Result) {
		if n++; n == 100 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// A message above the server's limit ends the stream. It must not end the push: the server of
// another program may have another limit than ours.
func TestPushOfWhatTheServerFindsTooLarge(t *testing.T) {
	s := startServer(t)
	c := s.dial(client.Options{MaxTorrentSize: 4 * maxSize})
	large := torrenttest.Random(1000, 2*maxSize)
	torrents := some(50, 5000)
	list := append(append([][]byte{}, torrents[:25]...), large)
	list = append(list, torrents[25:]...)
	r := &results{}
	if err := c.Push(context.Background(), items(list...), client.PushOptions{Streams: 1, Result: r.add}); err != nil {
		t.Fatal(err)
	}
	// The items that the broken stream left in doubt may have been cached by it already.
	if counts := r.counts(); counts[client.New]+counts[client.Already] != 50 || counts[client.Refused] != 1 {
		t.Errorf("%v", counts)
	}
	for _, result := range r.all {
		if result.Status == client.Refused && result.Reason != "TORRENT_TOO_LARGE" {
			t.Errorf("reason %s: %s", result.Reason, result.Message)
		}
	}
	s.holds(torrents...)
}

func TestPushSendsATorrentOnceHoweverOftenItComes(t *testing.T) {
	s := startServer(t)
	torrents := some(20, 1000)
	var list [][]byte
	for range 50 {
		list = append(list, torrents...)
	}
	r := push(t, s, client.PushOptions{}, list...)
	sent := 0
	for _, result := range r.all {
		if result.Sent > 0 {
			sent++
		}
	}
	if sent != len(torrents) {
		t.Errorf("%d items sent for %d torrents", sent, len(torrents))
	}
	wantCounts(t, r, map[client.Status]int{client.New: 20, client.Already: 980})
}

func privateTorrent() []byte {
	return torrenttest.Bencode(torrenttest.Dict{"announce": "http://tracker.example/passkey", "info": torrenttest.Dict{
		"name": "private", "length": 10, "piece length": 1 << 15, "pieces": fmt.Sprintf("%020d", 1), "private": 1,
	}})
}

// passkeyTorrent is one that is not marked private and has a passkey all the same.
func passkeyTorrent() []byte {
	return torrenttest.Bencode(torrenttest.Dict{"announce": "http://tracker.example/0a1b2c3d4e5f60718293a4b5c6d7e8f9/announce", "info": torrenttest.Dict{
		"name": "secret", "length": 10, "piece length": 1 << 15, "pieces": fmt.Sprintf("%020d", 2),
	}})
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// Pushed torrents are originals: they replace torrents that the server only fetched.
func TestPushReplacesWhatWasFetched(t *testing.T) {
	s := startServer(t)
	torrent := torrenttest.V1("a")
	found := append([]byte("d7:comment5:found"), torrent[1:]...)
	offset := bytes.Index(found, []byte("4:info")) + len("4:info")
	it := store.Item{IDs: infohash.Set{V1: idOf(t, torrent)}, Torrent: found, InfoOffset: offset, InfoLength: len(found) - 1 - offset, Rank: store.RankFetched}
	if r := s.store.Put(t.Context(), []store.Item{it})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	push(t, s, client.PushOptions{}, torrent)
	s.holds(torrent)
}
