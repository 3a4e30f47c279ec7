package mirror_test

import (
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// Bytes that do not match their claim are not stored, and the rest of the feed is done.
func TestWrongBytes(t *testing.T) {
	here := newNode(t)
	ids := here.fill(1, 10)
	good := torrenttest.V1("good")
	goodID := parse(t, good).IDs().Primary()
	claims := map[infohash.ID][]byte{
		infohash.V1([20]byte{1}): []byte("no torrent"),
		infohash.V1([20]byte{2}): torrenttest.V1("another"),
		infohash.V1([20]byte{3}): make([]byte, 1_000_001),
		ids[0]:                   torrenttest.V1("in place of one that is here"),
		goodID:                   good,
	}
	var changes []*torrentcachev1.Change
	for id := range claims {
		changes = append(changes, change(torrentcachev1.ChangeKind_CHANGE_KIND_REPLACED, id))
	}
	s := feedOf(changes...)
	s.read = func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
		return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Torrent: claims[id], Rank: 300}
	}
	f := here.follow("s:1", s, func(o *mirror.Options) { o.KeepRanks = true })
	eventually(t, "the feed is done", func() bool { s := f.Stats(); return s.Torrents == 1 && s.Wrong == 3 && s.Refused == 1 })
	here.hasAll(append(ids, goodID))
	if stats, err := here.store.Stats(t.Context()); err != nil || stats.Torrents != 11 {
		t.Errorf("%d torrents, want 11 (%v)", stats.Torrents, err)
	}
}

// A feed without end, with torrents that nobody has and cursors that are none, costs no
// torrent, and the follower can be stopped.
func TestEndlessFeed(t *testing.T) {
	here := newNode(t)
	ids := here.fill(1, 10)
	var rounds atomic.Int64
	s := feedOf()
	s.changes = func(after string, yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
		for n := 0; ; n++ {
			rounds.Add(1)
			news := &torrentcachev1.WatchChangesResponse{Cursor: strings.Repeat("x", n%64), Restarted: n%2 == 0, RemainingCount: -5}
			for range 1500 {
				var id [20]byte
				_, _ = rand.Read(id[:])
				news.Changes = append(news.Changes, change(torrentcachev1.ChangeKind(n%9), infohash.V1(id)))
			}
			news.Changes = append(news.Changes, &torrentcachev1.Change{Kind: added, InfoHashV1: "no hash"})
			if n == 20 {
				yield(nil, reason.New(reason.RequestInvalid, "that is no cursor"))
				return
			}
			if !yield(news, nil) {
				return
			}
		}
	}
	f := here.follow("s:1", s)
	eventually(t, "the feed was begun anew", func() bool { return rounds.Load() > 25 })
	here.hasAll(ids)
	if s := f.Stats(); s.Behind < 0 || s.Torrents != 0 {
		t.Errorf("%+v", s)
	}
}

// removing is a source that says that all of ids are removed.
func removing(ids []infohash.ID) *script {
	var changes []*torrentcachev1.Change
	for _, id := range ids {
		changes = append(changes, change(removed, id))
	}
	s := feedOf(changes...)
	s.read = func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
		return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Removal: &torrentcachev1.RemovalNotice{Origin: "there"}}
	}
	return s
}

// A source that removes more than one in a hundred in an hour stops the follower before it removes
// them, also after a restart, until the operator goes on with them.
func TestMassRemovalStops(t *testing.T) {
	here := newNode(t)
	ids := here.fill(1, 1300) // of which 13 may be removed
	few := here.follow("few:1", removing(ids[:13]))
	eventually(t, "13 are removed", func() bool { return few.Stats().Removals == 13 })

	source := removing(ids[13:40])
	many := here.follow("many:1", source)
	eventually(t, "it stops", func() bool { return many.Stats().Paused })
	here.hasAll(ids[13:])
	again := here.follow("many:1", source)
	eventually(t, "it stays so", func() bool { return again.Stats().Paused })
	here.hasAll(ids[13:])

	if err := again.Resume(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "they are removed by order", func() bool { return here.removal(ids[39]) != nil })
	if again.Stats().Paused {
		t.Error("it is stopped still")
	}
}

// The removals that a source made here can be undone at once, and are not made again.
func TestRestoreOfAMirror(t *testing.T) {
	source, here := newNode(t), newNode(t)
	ids := source.fill(1, 40)
	f := here.follow("s:1", source)
	here.gets(ids...)
	here.remove(ids[20])
	source.remove(ids[:5]...)
	eventually(t, "5 are removed", func() bool { return here.removal(ids[4]) != nil })
	source.remove(ids[5:20]...)
	eventually(t, "it stops", func() bool { return f.Stats().Paused })
	if err := f.Resume(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if n, err := here.srv.Copies().RestoreAll(t.Context(), "s:1"); err != nil || n != 5 {
		t.Errorf("%d are restored, want 5 (%v)", n, err)
	}
	last := source.put(torrenttest.V1("last"))
	eventually(t, "it follows", func() bool { return here.has(last) })
	here.hasAll(ids[:20])
	if here.removal(ids[20]) == nil {
		t.Error("what was removed by hand is back")
	}
	// From the end of the feed on removals are in force again.
	time.Sleep(5 * time.Millisecond)
	eventually(t, "it has come to the end", func() bool { return f.Stats().Behind == 0 })
	source.remove(ids[30])
	eventually(t, "a later removal is in force", func() bool { return here.removal(ids[30]) != nil })
}
