package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/deny"
	"github.com/torrentcache/torrentcache/internal/limit"
	"github.com/torrentcache/torrentcache/internal/upstream"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server/servertest"
	"github.com/torrentcache/torrentcache/store"
)

func TestFetch(t *testing.T) {
	overUpstream(t, limit.Settings{}, nothing, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		v1, hybrid, described := torrenttest.V1("a"), torrenttest.Hybrid("b"), torrenttest.V2("c")
		for _, torrent := range [][]byte{v1, hybrid} {
			hash := e.has(t, torrent)
			for range 2 {
				if got, err := h.Get(t.Context(), hash); err != nil || !bytes.Equal(got, torrent) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			}
			e.wantAsked(t, hash)
			if rank := storedOf(t, h, torrent).Rank; rank != store.RankFetched {
				t.Errorf("the rank is %d", rank)
			}
		}
		hash := e.has(t, described)
		if _, err := h.Cache.FindMissingTorrents(t.Context(), &torrentcachev1.FindMissingTorrentsRequest{InfoHashes: []string{hash}}); err != nil {
			t.Error(err)
		}
		e.wantAsked(t)
		if _, err := h.Cache.DescribeTorrent(t.Context(), &torrentcachev1.DescribeTorrentRequest{InfoHash: hash}); err != nil {
			t.Error(err)
		}
		e.wantAsked(t, hash)
	})
}

// A torrent that the upstreams did not give is not asked for again for a while, unless a put has
// changed that.
func TestFetchRemembers(t *testing.T) {
	private := torrentWith(openTracker, torrenttest.Dict{"private": 1})
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); _, _ = w.Write([]byte(body)) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		state  string
	}{
		"absent":          {http.NotFound, "absent"},
		"gone":            {text(http.StatusGone, ""), "absent"},
		"against the law": {text(http.StatusUnavailableForLegalReasons, ""), "absent"},
		"refused here":    {text(http.StatusOK, string(private)), "absent"},
		"too large":       {text(http.StatusOK, strings.Repeat("x", servertest.MaxSize+1)), "absent"},
		"a page":          {text(http.StatusOK, "<!doctype html><title>Not found</title>"), "failed"},
		"another torrent": {text(http.StatusOK, string(torrenttest.V1("other"))), "failed"},
		"an error":        {text(http.StatusInternalServerError, ""), "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			refusing := func(o *servertest.Options) { o.RefusePrivate = true }
			overUpstream(t, limit.Settings{}, refusing, func(t *testing.T, h *servertest.Harness, e *elsewhere, u *upstream.Upstreams) {
				hash := e.says(t, private, c.answer)
				for range 2 {
					_, err := h.Get(t.Context(), hash)
					wantState(t, err, c.state)
				}
				e.wantAsked(t, hash)
				if stats, err := h.Store.Stats(t.Context()); err != nil || stats.Torrents != 0 {
					t.Errorf("%d torrents are stored (%v)", stats.Torrents, err)
				}
				u.Forget(parse(t, private).IDs())
				_, err := h.Get(t.Context(), hash)
				wantState(t, err, c.state)
				e.wantAsked(t, hash)
			})
		})
	}
}

func TestAPutEndsWhatIsRemembered(t *testing.T) {
	overUpstream(t, limit.Settings{}, nothing, func(t *testing.T, h *servertest.Harness, _ *elsewhere, u *upstream.Upstreams) {
		torrent := torrenttest.Hybrid("a")
		ids := parse(t, torrent).IDs()
		for _, id := range ids.All() {
			_, err := h.Get(t.Context(), id.String())
			wantState(t, err, "absent")
		}
		h.Put(t, torrent)
		for _, id := range ids.All() {
			if state := u.Known(id); state != upstream.Unasked {
				t.Errorf("after a put %v is still %q", id, state)
			}
		}
	})
}

// The server does not ask elsewhere for torrents that are removed or denied here, and no server
// asks itself in a ring.
func TestNotAskedFor(t *testing.T) {
	denied, removed, looped := torrenttest.Hybrid("denied"), torrenttest.Hybrid("removed"), torrenttest.V1("looped")
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte(parse(t, denied).IDs().V2.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lists, err := deny.Open(deny.Options{Files: []string{file}, OnChange: func() {}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	denying := func(o *servertest.Options) { o.Deny = lists }
	overUpstream(t, limit.Settings{}, denying, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		if _, err := h.Admin.RemoveTorrent(t.Context(), &torrentcachev1.RemoveTorrentRequest{InfoHash: e.has(t, removed)}); err != nil {
			t.Fatal(err)
		}
		e.has(t, denied)
		for _, hash := range []string{parse(t, removed).IDs().V1.String(), parse(t, denied).IDs().V2.String()} {
			if got, err := h.Get(t.Context(), hash); err == nil {
				t.Errorf("%s: %d bytes", hash, len(got))
			}
		}
		ctx := metadata.AppendToOutgoingContext(t.Context(), "cdn-loop", "torrentcache")
		_, err := h.Get(ctx, e.has(t, looped))
		wantState(t, err, "")
		e.wantAsked(t)
		// The deny list lacks the v1 id. So the server asks for it, but stores nothing.
		v1 := parse(t, denied).IDs().V1.String()
		_, err = h.Get(t.Context(), v1)
		wantState(t, err, "absent")
		e.wantAsked(t, v1)
	})
}

// The bytes count in the budget of the reader. Readers do not share a rate.
func TestFetchIsLimited(t *testing.T) {
	settings := limit.Settings{HourlyBytes: 1, UpstreamRate: 0.01}
	overUpstream(t, settings, nothing, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		a, b := torrenttest.V1("a"), torrenttest.V1("b")
		hash := e.has(t, a)
		if got, err := h.Get(t.Context(), hash); err != nil || !bytes.Equal(got, a) {
			t.Errorf("the first: %d bytes, %v", len(got), err)
		}
		_, err := h.Get(t.Context(), e.has(t, b))
		wantState(t, err, "limited")
		e.wantAsked(t, hash)
	})
	overUpstream(t, limit.Settings{HourlyBytes: 1}, nothing, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		if _, err := h.Get(t.Context(), e.has(t, torrenttest.V1("a"))); err != nil {
			t.Error(err)
		}
		for range 2 { // it is not remembered: another reader may
			_, err := h.Get(t.Context(), e.has(t, torrenttest.V1("b")))
			wantState(t, err, "busy")
		}
		if _, err := h.Store.Store.Get(t.Context(), parse(t, torrenttest.V1("b")).IDs().V1, nil); err == nil {
			t.Error("more than the budget is stored")
		}
	})
}

// A reader is told before its deadline that the torrent is not here. The search goes on.
func TestFetchWithinTheDeadline(t *testing.T) {
	overUpstream(t, limit.Settings{}, nothing, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		torrent, answer := torrenttest.V1("slow"), make(chan bool)
		hash := e.says(t, torrent, func(w http.ResponseWriter, _ *http.Request) {
			<-answer
			_, _ = w.Write(torrent)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := h.Get(ctx, hash)
		wantState(t, err, "asking")
		close(answer)
		if got, err := h.Get(t.Context(), hash); err != nil || !bytes.Equal(got, torrent) {
			t.Errorf("then: %d bytes, %v", len(got), err)
		}
		e.wantAsked(t, hash)
	})
}

func TestStatsOfUpstreams(t *testing.T) {
	overUpstream(t, limit.Settings{}, nothing, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		if _, err := h.Get(t.Context(), e.has(t, torrenttest.V1("a"))); err != nil {
			t.Error(err)
		}
		_, err := h.Get(t.Context(), strings.Repeat("ab", 20))
		wantState(t, err, "absent")
		stats, err := h.Admin.GetStats(t.Context(), &torrentcachev1.GetStatsRequest{})
		if err != nil || len(stats.GetUpstreams()) != 1 {
			t.Fatal(stats, err)
		}
		if u := stats.GetUpstreams()[0]; u.GetName() != e.URL || u.GetAskedCount() != 2 || u.GetFoundCount() != 1 || u.GetAbsentCount() != 1 || !u.GetReachable() {
			t.Errorf("%v", u)
		}
	})
}

// Readers of an edge that is not named as a proxy share one rate. The log says so once.
func TestFetchForAnEdgeThatIsNotBelieved(t *testing.T) {
	overUpstream(t, limit.Settings{}, nothing, func(t *testing.T, h *servertest.Harness, _ *elsewhere, _ *upstream.Upstreams) {
		for i := range 3 {
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", "203.0.113.9")
			_, err := h.Get(ctx, strings.Repeat(fmt.Sprint(i), 40))
			wantState(t, err, "absent")
		}
		want := map[bool]int{true: 1, false: 0}[strings.HasSuffix(t.Name(), "network")] // doors are believed
		if n := strings.Count(h.Log.String(), "--trusted-proxies"); n != want {
			t.Errorf("the log has %d lines about it, want %d", n, want)
		}
	})
}

// The server does not ask for a torrent that was stored between a reader's look and the search, by
// a search that has just ended, an upload or another node.
func TestNoFetchOfWhatHasCome(t *testing.T) {
	overUpstream(t, limit.Settings{}, nothing, func(t *testing.T, h *servertest.Harness, e *elsewhere, _ *upstream.Upstreams) {
		torrent := torrenttest.V1("a")
		h.Store.SetGet(func(context.Context, infohash.ID) (store.Torrent, error) {
			putDirectly(t, h, itemOf(t, torrent, store.RankAnonymous))
			h.Store.SetGet(nil)
			return store.Torrent{}, store.ErrNotFound
		})
		if got, err := h.Get(t.Context(), e.has(t, torrent)); err != nil || !bytes.Equal(got, torrent) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		e.wantAsked(t)
	})
}
