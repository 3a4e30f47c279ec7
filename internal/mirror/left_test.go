package mirror_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/reason"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
)

// overloaded returns the answer of a source for a torrent that it has and cannot read.
func overloaded(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
	return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Error: &torrentcachev1.ItemError{Reason: string(reason.Overloaded)}}
}

// slowFeedOf is feedOf with the heartbeat of a server.
func slowFeedOf(changes ...*torrentcachev1.Change) *script {
	s := feedOf()
	s.changes = func(after string, yield func(*torrentcachev1.WatchChangesResponse, error) bool) {
		if after == "" && !yield(&torrentcachev1.WatchChangesResponse{Changes: changes, Cursor: "end"}, nil) {
			return
		}
		for yield(&torrentcachev1.WatchChangesResponse{Cursor: "end"}, nil) {
			time.Sleep(500 * time.Millisecond)
		}
	}
	return s
}

// A torrent that the source cannot read does not hold the rest up. It is here when the source can
// read it, also if the mirror was started anew meanwhile. Changes by the operator since stay.
func TestLeftOutIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := newNode(t)
		gone := here.put(torrenttest.V1("removed there, restored here"))
		torrents, ids := map[infohash.ID][]byte{}, []infohash.ID{}
		for _, name := range []string{"at once", "after a minute", "after a start"} {
			torrent := torrenttest.V1(name)
			ids = append(ids, parse(t, torrent).IDs().Primary())
			torrents[ids[len(ids)-1]] = torrent
		}
		var readable atomic.Int64 // how many of ids
		readable.Store(1)
		source := slowFeedOf(change(removed, gone), change(added, ids[2]), change(added, ids[1]), change(added, ids[0]))
		source.read = func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
			for i := range ids {
				if id == ids[i] && int64(i) < readable.Load() {
					return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Torrent: torrents[id]}
				}
			}
			if id == gone {
				return &torrentcachev1.ReadTorrentsResponse{InfoHash: id.String(), Removal: &torrentcachev1.RemovalNotice{Origin: "there"}}
			}
			return overloaded(id)
		}
		f, stop := here.run("s:1", source)
		time.Sleep(10 * time.Second)
		if s := f.Stats(); !here.has(ids[0]) || s.LeftOut != 2 || s.Behind != 0 {
			t.Errorf("%+v", s)
		}
		here.restore(gone)
		readable.Store(2)
		time.Sleep(2 * time.Minute)
		if s := f.Stats(); !here.has(ids[1]) || here.has(ids[2]) || s.LeftOut != 2 {
			t.Errorf("%+v", s)
		}
		stop()
		readable.Store(3)
		_, stop = here.run("s:1", source)
		time.Sleep(time.Second)
		here.hasAll(append(ids, gone))
		before := len(source.asked)
		time.Sleep(2 * time.Hour)
		stop()
		if after := len(source.asked); after != before {
			t.Errorf("%d torrents are asked for after all are here", after-before)
		}
	})
}

// A removal is in force here as soon as the source can tell of it.
func TestRemovalIsNotLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := newNode(t)
		id := here.put(torrenttest.V1("a"))
		var can atomic.Bool
		source := slowFeedOf(change(removed, id))
		told := removing([]infohash.ID{id}).read
		source.read = func(id infohash.ID) *torrentcachev1.ReadTorrentsResponse {
			if can.Load() {
				return told(id)
			}
			return overloaded(id)
		}
		_, stop := here.run("s:1", source)
		defer stop()
		time.Sleep(time.Hour)
		if here.removal(id) != nil {
			t.Error("it is removed before the source has said so")
		}
		can.Store(true)
		time.Sleep(time.Minute)
		if here.removal(id) == nil {
			t.Error("it is not removed")
		}
	})
}
