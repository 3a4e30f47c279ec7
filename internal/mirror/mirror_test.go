package mirror_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
)

// Torrents that are cached, removed or restored at the source are so here. Other torrents that are
// here stay, and torrents that were removed here by hand stay removed.
func TestFollow(t *testing.T) {
	source, here := newNode(t), newNode(t)
	own := here.fill(1, 5)
	both := torrenttest.Hybrid("of both")
	here.put(both)
	theirs := append(source.fill(2, 250), source.put(both), source.put(torrenttest.V2("v2")))
	byHand := theirs[3]
	here.remove(byHand)
	f := here.follow("source:9090", source)
	here.gets(slices.Concat(theirs[:3], theirs[4:])...)
	if here.has(byHand) {
		t.Error("what was removed here by hand is back")
	}
	if held, err := here.store.Has(t.Context(), theirs[:1]); err != nil || held[0].Rank != store.RankFetched {
		t.Errorf("a torrent of the source has the rank %d, want that of fetched ones (%v)", held[0].Rank, err)
	}

	gone, never := theirs[0], infohash.V1([20]byte{7})
	source.remove(gone, never, byHand)
	eventually(t, "the removals are in force", func() bool { return here.removal(gone) != nil && here.removal(never) != nil })
	if r := here.removal(gone); r.Reference != "mirror of source:9090" {
		t.Errorf("the reference of a removal is %q", r.Reference)
	}
	source.restore(gone, byHand)
	eventually(t, "the restoration is in force", func() bool { return here.has(gone) })
	last := source.put(torrenttest.V1("last"))
	eventually(t, "the last one is here", func() bool { return here.has(last) })
	if r := here.removal(byHand); r == nil || r.Reason != "by hand" {
		t.Errorf("the removal by hand is %v", r)
	}
	here.hasAll(own)
	if s := f.Stats(); s.Paused || s.Wrong != 0 || s.LeftOut != 0 || s.Removals != 3 {
		t.Errorf("%+v", s)
	}
}

// The bytes of removed torrents of the source can be had back here. With ignore nothing is removed.
func TestRemovalsPolicies(t *testing.T) {
	for _, policy := range []string{mirror.Hide, mirror.Follow, mirror.Ignore} {
		source, here := newNode(t), newNode(t)
		ids := source.fill(1, 3)
		here.follow("s:1", source, func(o *mirror.Options) { o.Removals = policy })
		here.gets(ids...)
		source.remove(ids[0])
		for _, name := range []string{"with it or after it", "after it"} {
			after := source.put(torrenttest.V1(name))
			eventually(t, "what came after it is here", func() bool { return here.has(after) })
		}
		if hidden := here.removal(ids[0]) != nil; hidden != (policy != mirror.Ignore) {
			t.Errorf("%s: removed here: %v", policy, hidden)
		}
	}
}

// Servers that follow each other in a circle come to rest with the same torrents, and a removal
// that is undone where it was made is undone everywhere.
func TestCirclesComeToRest(t *testing.T) {
	for _, size := range []int{2, 3} {
		var nodes []*node
		for range size {
			nodes = append(nodes, newNode(t))
		}
		for i, n := range nodes {
			n.follow("next:1", nodes[(i+1)%size], func(o *mirror.Options) { o.KeepRanks = i == 0 })
		}
		var ids []infohash.ID
		for i, n := range nodes {
			ids = append(ids, n.fill(i, 20)...)
		}
		everywhere := func(is func(*node) bool) func() bool {
			return func() bool {
				for _, n := range nodes {
					if !is(n) {
						return false
					}
				}
				return true
			}
		}
		for _, id := range ids {
			eventually(t, "all have it", everywhere(func(n *node) bool { return n.has(id) }))
		}
		for range 5 {
			nodes[0].remove(ids[0])
			eventually(t, "all have removed it", everywhere(func(n *node) bool { return n.removal(ids[0]) != nil }))
			nodes[0].restore(ids[0])
			eventually(t, "all have restored it", everywhere(func(n *node) bool { return n.has(ids[0]) }))
		}
		// At rest: each feed ends, with everything done.
		for _, n := range nodes {
			before, err := n.store.End(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
			if after, _ := n.store.End(t.Context()); after != before {
				t.Errorf("a circle of %d goes on", size)
			}
		}
	}
}

// A removal that comes back to where it was made, after it was undone there, is not made again.
func TestOwnRemovalsAreNoNews(t *testing.T) {
	here := newNode(t)
	ids := here.fill(1, 2)
	own, err := here.srv.Copies().Origin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := feedOf(change(removed, ids[0]), change(removed, ids[1]))
	s.read = func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
		r := &torrentcachev1.RemovalNotice{Origin: own}
		if id == ids[1] {
			r.Origin = "another"
		}
		return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Removal: r}
	}
	here.follow("s:1", s)
	eventually(t, "the other's removal is in force", func() bool { return here.removal(ids[1]) != nil })
	here.hasAll(ids[:1])
}

// feedOf is a source whose feed has these changes, and which has none of the torrents.
func feedOf(changes ...*torrentcachev1.Change) *script {
	return &script{
		changes: func(after string, yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
			if after == "" && !yield(&torrentcachev1.WatchChangesResponse{Changes: changes, Cursor: "end"}, nil) {
				return
			}
			for yield(&torrentcachev1.WatchChangesResponse{Cursor: "end"}, nil) {
				time.Sleep(time.Millisecond)
			}
		},
		read: absent,
	}
}

func absent(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
	return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Error: &torrentcachev1.ItemError{Reason: string(reason.TorrentNotFound)}}
}

// failing is a server whose store refuses torrents.
type failing struct {
	mirror.Target
	refuse atomic.Bool
	kept   atomic.Int64
}

func (f *failing) Keep(ctx context.Context, id infohash.ID, torrent []byte, rank store.Rank) error {
	if f.refuse.Load() {
		return reason.New(reason.StorageFull, "full")
	}
	f.kept.Add(1)
	return f.Target.Keep(ctx, id, torrent, rank)
}

// While the store here takes nothing the cursor stays, and a follower that starts anew goes on
// from there and reads nothing twice.
func TestCursorMovesWhenAllIsDurable(t *testing.T) {
	source, here := newNode(t), newNode(t)
	source.fill(1, 150)
	target := &failing{Target: here.srv.Copies()}
	run := func() (stop func()) {
		f := mirror.New(mirror.Options{Name: "s:1", Source: source, Target: target, Logger: silent})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { f.Run(ctx); close(ended) }()
		return func() { cancel(); <-ended }
	}
	stop := run()
	eventually(t, "150 are kept", func() bool { return target.kept.Load() == 150 })
	target.refuse.Store(true)
	more := source.fill(2, 50)
	time.Sleep(10 * time.Millisecond) // let it fail, whether it does or not
	stop()
	target.refuse.Store(false)
	stop = run()
	defer stop()
	here.gets(more...)
	if n := target.kept.Load(); n != 200 {
		t.Errorf("%d torrents were stored, want each of 200 once", n)
	}
}

// When a feed began anew, only the torrents that are lacking here are read.
func TestRestartedFeed(t *testing.T) {
	here := newNode(t)
	ids := here.fill(1, 30)
	lacking := infohash.V1([20]byte{9})
	s := feedOf()
	done := make(chan struct{})
	s.changes = func(after string, yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
		if after != "" {
			close(done)
			yield(nil, errors.New("enough"))
			select {}
		}
		news := &torrentcachev1.WatchChangesResponse{Cursor: "anew", Restarted: true}
		for _, id := range append(ids, lacking) {
			news.Changes = append(news.Changes, change(added, id))
		}
		if yield(news, nil) {
			yield(nil, errors.New("away"))
		}
	}
	f := mirror.New(mirror.Options{Name: "s:1", Source: s, Target: here.srv.Copies(), Logger: silent})
	go f.Run(t.Context())
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the follower never goes on after the new cursor")
	}
	if len(s.asked) != 1 || s.asked[0] != lacking {
		t.Errorf("asked for %v, want the lacking one alone", s.asked)
	}
}
