//go:build e2e

package histories

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	cacheserver "github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// simulatedMirror is a server that follows any of the nodes and a source that lies. Its store
// fails at times, before or after a call takes effect. The mirror is killed and restarted. It
// accepts uploads, and its operator removes some torrents by hand.
type simulatedMirror struct {
	sim   *simulation
	store *shakyStore
	stop  func()

	mu       sync.Mutex
	follower *mirror.Follower // the follower of the nodes; guarded by mu

	own         []infohash.ID // acknowledged uploads to the mirror
	byHand      map[int]bool  // torrents whose removal by hand was acknowledged
	maybeByHand map[int]bool  // torrents whose removal by hand ended in an error
}

const (
	theNodes = "nodes:1"
	theLiar  = "liar:1"
)

func (s *simulation) newMirror() *simulatedMirror {
	m := &simulatedMirror{sim: s, store: &shakyStore{memstore.New(), s}, byHand: map[int]bool{}, maybeByHand: map[int]bool{}}
	m.start()
	return m
}

// start starts a new server over the store, which follows the sources.
func (m *simulatedMirror) start() {
	srv := cacheserver.New(cacheserver.Options{Store: m.store, MaxTorrentSize: 1_000_000, Logger: silent})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	follow := func(name string, source mirror.Source) *mirror.Follower {
		f := mirror.New(mirror.Options{Name: name, Source: source, Target: srv.Copies(), Logger: silent})
		running.Go(func() { f.Run(ctx) })
		return f
	}
	honest := follow(theNodes, (*honestSource)(m.sim))
	follow(theLiar, (*lyingSource)(m.sim))
	running.Go(func() { resumeAlways(ctx, honest) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.follower = honest
	m.stop = func() {
		cancel()
		running.Wait()
	}
}

// resumeAlways resumes the follower whenever it pauses, like an operator who knows that all
// removals at the nodes are intended.
func resumeAlways(ctx context.Context, f *mirror.Follower) {
	for ctx.Err() == nil {
		if f.Stats().Paused {
			_ = f.Resume(ctx, false) // if the store fails, the loop tries again
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// live uploads to the mirror, removes torrents there, and kills it, for about as long as the
// clients run.
func (m *simulatedMirror) live() {
	s, ctx := m.sim, context.Background()
	for step := range simulatedSteps / 2 {
		time.Sleep(time.Duration(s.pick(2000)) * time.Millisecond)
		switch s.pick(6) {
		case 0:
			item := itemOf(s.t, torrenttest.V1(fmt.Sprintf("uploaded to the mirror %d", step)))
			err := m.store.Put(ctx, []store.Item{item})[0].Err
			s.note("the mirror takes %v: %v", item.IDs.Primary(), err)
			if err == nil {
				m.own = append(m.own, item.IDs.Primary())
			}
		case 1:
			torrent := s.pick(simulatedTorrents / 3)
			err := storetest.Remove(ctx, m.store, s.items[torrent][0].IDs.Primary(), store.Removal{Reason: "by hand"})
			s.note("torrent %d is removed at the mirror: %v", torrent, err)
			if err == nil {
				m.byHand[torrent] = true
			} else {
				m.maybeByHand[torrent] = true // the store may have failed after the removal took effect
			}
		case 2:
			s.note("the mirror is killed")
			m.stop()
			m.start()
		}
	}
}

// compare fails the test unless the mirror has the torrents that a fresh node has, and has
// removed those that the nodes have removed. Removals by hand must be in force, and the mirror's
// own uploads must be there.
func (m *simulatedMirror) compare(fresh store.Store) {
	s := m.sim
	for torrent := range s.items {
		id := s.items[torrent][0].IDs.Primary()
		want, got := says(fresh, id), says(m.store, id)
		if m.byHand[torrent] || m.maybeByHand[torrent] {
			_, err := m.store.Get(context.Background(), id, nil)
			if removed, ok := errors.AsType[*store.RemovedError](err); ok && removed.Removal.Reason == "by hand" {
				got = "removed by hand"
			}
		}
		switch {
		case m.byHand[torrent]:
			want = "removed by hand"
		case m.maybeByHand[torrent] && got == "removed by hand":
			continue
		case strings.HasPrefix(want, "file ") && strings.HasPrefix(got, "file "):
			continue // the mirror may have another file with the same info hashes
		}
		if got != want {
			s.t.Errorf("torrent %d (%v): the mirror says %q, a fresh node %q", torrent, id, got, want)
		}
	}
	for _, id := range m.own {
		if got := says(m.store, id); !strings.HasPrefix(got, "file ") {
			s.t.Errorf("%v was uploaded to the mirror: %q", id, got)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if stats := m.follower.Stats(); stats.Paused || stats.Wrong > 0 {
		s.t.Errorf("the mirror at the end: %+v", stats)
	}
}
