package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/access"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/origin"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/internal/wanted"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
)

// wanting makes the server keep a book of wanted torrents.
func wanting(o *servertest.Options) { o.Wanted = wanted.New(100) }

// overWanting runs test against servers that keep a book of wanted torrents, over the network and
// in process.
func overWanting(t *testing.T, test func(t *testing.T, h *servertest.Harness)) {
	t.Helper()
	for name, connect := range servertest.Both() {
		t.Run(name, func(t *testing.T) { test(t, servertest.New(t, connect, wanting)) })
	}
}

// as returns the context of a call for a client at address. The server believes the address only in
// calls in process.
func as(ctx context.Context, address string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-forwarded-for", address)
}

// lookedFor returns the state of the search for a torrent in err, and whether err lasts.
func lookedFor(t *testing.T, err error) (state string, lasts bool) {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != codes.NotFound {
		t.Fatalf("got %v, want NOT_FOUND", err)
	}
	lasts = true
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			state = d.GetMetadata()["wanted"]
		case *errdetails.RetryInfo:
			lasts = false
		}
	}
	return state, lasts
}

func wantLooked(t *testing.T, h *servertest.Harness, ctx context.Context, hash, want string) {
	t.Helper()
	_, err := h.Get(ctx, hash)
	if state, lasts := lookedFor(t, err); state != want || lasts == (want == "looking") {
		t.Errorf("%s: wanted is %q, and that lasts: %t; want %q", hash, state, lasts, want)
	}
}

// watchWanted calls WatchWanted. It returns a function that gives the torrents of the next answer.
func watchWanted(t *testing.T, h *servertest.Harness) (next func() string) {
	t.Helper()
	stream, err := torrentcachev1.NewSyncServiceClient(h.Conn).WatchWanted(t.Context(), &torrentcachev1.WatchWantedRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		t.Helper()
		answer, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, torrent := range answer.GetTorrents() {
			all = append(all, strings.TrimSpace(torrent.GetInfoHash()+" "+strings.Join(torrent.GetTrackers(), " ")))
		}
		return strings.Join(all, ", ")
	}
}

func TestWantTorrent(t *testing.T) {
	overWanting(t, func(t *testing.T, h *servertest.Harness) {
		torrent := torrenttest.Hybrid("a")
		ids := parse(t, torrent).IDs()
		hash := ids.V1.String()
		next := watchWanted(t, h)
		if got := next(); got != "" {
			t.Errorf("at first %q is wanted", got)
		}
		wantLooked(t, h, t.Context(), hash, "no")
		answer, err := h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{
			InfoHash: strings.ToLower(hash), Trackers: []string{"udp://t.example:80", "http://t.example/0123456789abcdef0123456789abcdef/announce", "wss://t.example"},
		})
		if err != nil || answer.GetCached() {
			t.Errorf("%v, %v", answer, err)
		}
		if got, want := next(), hash+" udp://t.example:80"; got != want {
			t.Errorf("%q is wanted, not %q", got, want)
		}
		wantLooked(t, h, t.Context(), hash, "looking")
		_, err = h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash})
		if state, lasts := lookedFor(t, err); state != "looking" || lasts {
			t.Errorf("a description is %q", state)
		}
		h.Put(t, torrent)
		if _, err := h.Get(t.Context(), hash); err != nil {
			t.Error(err)
		}
		if answer, err := h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: ids.V2.String()}); err != nil || !answer.GetCached() {
			t.Errorf("of what is here: %v, %v", answer, err)
		}
		if got := watchWanted(t, h)(); got != "" {
			t.Errorf("%q is wanted and here", got)
		}
		_, err = h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: "x"})
		servertest.WantReason(t, err, reason.HashMalformed)
	})
}

// Two different readers make a torrent wanted. One reader that asks again and again does not, nor
// does a copy, nor another cache.
func TestTwoReadersWant(t *testing.T) {
	h := servertest.New(t, servertest.InProcess, wanting)
	const hash = "0123456789ABCDEF0123456789ABCDEF01234567"
	for range 3 {
		wantLooked(t, h, as(t.Context(), "192.0.2.1"), hash, "no")
	}
	for _, ctx := range []context.Context{
		origin.Uncounted(as(t.Context(), "192.0.2.2")),
		metadata.AppendToOutgoingContext(as(t.Context(), "192.0.2.3"), origin.LoopHeader, origin.LoopMark),
	} {
		wantLooked(t, h, ctx, hash, "no")
	}
	wantLooked(t, h, as(t.Context(), "192.0.2.4"), hash, "looking")
	wantLooked(t, h, as(t.Context(), "192.0.2.1"), hash, "looking")
	if got := watchWanted(t, h)(); got != hash {
		t.Errorf("%q is wanted", got)
	}
}

// The reader that a door in the process uses does not know the caller, so its error does not last.
func TestReaderLeavesWantedToGetTorrent(t *testing.T) {
	h := servertest.New(t, servertest.InProcess, wanting)
	_, err := h.Reader.ReadTorrent(t.Context(), infohash.V1([20]byte{1}), nil)
	if state, lasts := lookedFor(t, err); state != "no" || lasts {
		t.Errorf("%q, lasts: %t", state, lasts)
	}
}

func TestAKeyWants(t *testing.T) {
	key := access.NewKey()
	gate := access.NewGate(access.New(access.Read, []access.Entry{{Name: "k", Roles: access.Read | access.Sync, Key: access.DigestOf(key)}}))
	h := servertest.NewGated(t, servertest.InProcess, gate, wanting)
	ctx := metadata.AppendToOutgoingContext(as(t.Context(), "192.0.2.1"), "authorization", "Bearer "+key)
	const hash = "0123456789ABCDEF0123456789ABCDEF01234567"
	wantLooked(t, h, ctx, hash, "looking")
	for range 10 {
		if _, err := h.Cache.WantTorrent(ctx, &torrentcachev1.WantTorrentRequest{InfoHash: hash}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestThreeAMinute(t *testing.T) {
	h := servertest.New(t, servertest.InProcess, wanting)
	want := func(ctx context.Context, n int) error {
		_, err := h.Cache.WantTorrent(ctx, &torrentcachev1.WantTorrentRequest{InfoHash: fmt.Sprintf("%040d", n)})
		return err
	}
	for n := range 3 {
		if err := want(as(t.Context(), "192.0.2.1"), n); err != nil {
			t.Fatal(err)
		}
	}
	servertest.WantReason(t, want(as(t.Context(), "192.0.2.1"), 3), reason.RateLimited)
	if err := want(as(t.Context(), "192.0.2.2"), 4); err != nil {
		t.Error(err)
	}
}

// A removed or denied torrent is never looked for, even if readers wanted it before.
func TestRemovedAndDeniedAreNotWanted(t *testing.T) {
	denied, removed := torrenttest.V1("denied"), torrenttest.V1("removed")
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte(parse(t, denied).IDs().V1.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lists, err := deny.Open(deny.Options{Files: []string{file}, OnChange: func() {}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	book := wanted.New(100)
	h := servertest.New(t, servertest.InProcess, func(o *servertest.Options) { o.Wanted, o.Deny = book, lists })
	for _, torrent := range [][]byte{denied, removed} {
		id := parse(t, torrent).IDs().V1
		book.Ask(id, nil) // before
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: parse(t, removed).IDs().V1.String()}); err != nil && status.Code(err) != codes.NotFound {
			t.Fatal(err)
		}
		_, err := h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: id.String()})
		servertest.WantReadReason(t, err, reason.TorrentRemoved)
		for _, from := range []string{"192.0.2.1", "192.0.2.2"} {
			_, err := h.Get(as(t.Context(), from), id.String())
			servertest.WantReadReason(t, err, reason.TorrentRemoved)
		}
	}
	if got := watchWanted(t, h)(); got != "" {
		t.Errorf("%q is wanted", got)
	}
}

// Upstreams are asked first. Their answer does not last if readers may want the torrent.
func TestWantedBesideUpstreams(t *testing.T) {
	overUpstream(t, limit.Settings{}, wanting, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		hash := e.has(t, torrenttest.V1("there"))
		if _, err := h.Get(t.Context(), hash); err != nil {
			t.Error(err)
		}
		const absent = "0123456789ABCDEF0123456789ABCDEF01234567"
		wantLooked(t, h, t.Context(), absent, "no")
		_, err := h.Get(t.Context(), absent)
		wantState(t, err, "absent")
		if _, err := h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: absent}); err != nil {
			t.Error(err)
		}
		wantLooked(t, h, t.Context(), absent, "looking")
	})
}

// Without a book no torrent is wanted, and the answers do not mention it.
func TestNothingWanted(t *testing.T) {
	servertest.OverBoth(t, func(t *testing.T, h *servertest.Harness) {
		_, err := h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: strings.Repeat("0", 40)})
		servertest.WantReason(t, err, reason.Unimplemented)
		stream, err := torrentcachev1.NewSyncServiceClient(h.Conn).WatchWanted(t.Context(), &torrentcachev1.WatchWantedRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		servertest.WantReason(t, err, reason.Unimplemented)
		_, err = h.Get(t.Context(), strings.Repeat("0", 40))
		if state, lasts := lookedFor(t, err); state != "" || !lasts {
			t.Errorf("%q, lasts: %t", state, lasts)
		}
	})
}

func TestWatchWantedGoesOn(t *testing.T) {
	overWanting(t, func(t *testing.T, h *servertest.Harness) {
		next := watchWanted(t, h)
		next()
		for n := range 3 {
			hash := fmt.Sprintf("%040d", n)
			if _, err := h.Cache.WantTorrent(t.Context(), &torrentcachev1.WantTorrentRequest{InfoHash: hash}); err != nil {
				t.Fatal(err)
			}
			if got := next(); got != hash {
				t.Errorf("%q is wanted, not %s", got, hash)
			}
		}
	})
}

// A watcher gets answers even if no torrents are wanted.
func TestWatchWantedHeartbeat(t *testing.T) {
	t.Parallel()
	h := servertest.New(t, servertest.InProcess, wanting)
	next := watchWanted(t, h)
	for range 2 {
		if got := next(); got != "" {
			t.Errorf("%q is wanted", got)
		}
	}
}
