//go:build e2e

package histories

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/migrate"
	"github.com/torrentcache/torrentcache/metainfo"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestSimulation runs nodes over one bucket in memory. Their requests are lost, late, repeated or
// cut, and the time is that of a synctest bubble, so that minutes pass in milliseconds. Nodes are
// killed and replaced, while a migration follows the feed of one node and a mirror follows those
// of all. A few minutes after the last fault, every node and the destination of the migration
// give the same answer for each torrent, and every acknowledged call is in force. The mirror has
// the same torrents, except those that its operator removed.
func TestSimulation(t *testing.T) {
	seed := rand.Uint64()
	start, d := time.Now(), lasting(t, 12*time.Second)
	n, items := 0, simulated(t)
	for ; time.Since(start) < d && !t.Failed(); n++ {
		synctest.Test(t, func(t *testing.T) { simulate(t, seed+uint64(n), items) })
	}
	t.Logf("%d simulations, seeds from %d", n, seed)
}

// Sizes of a simulation.
const (
	simulatedNodes    = 3
	simulatedTorrents = 9 // each client changes a third of them
	simulatedSteps    = 60
)

// simulation is one run. Everything in it follows from its seed.
type simulation struct {
	t      *testing.T
	items  [simulatedTorrents][2]store.Item
	engine http.Handler

	mu      sync.Mutex
	random  *rand.Rand
	percent int // percentage of requests that meet a fault
	trace   strings.Builder
	begun   time.Time
	ended   time.Time // when the clients ended; zero before

	nodes [simulatedNodes]*simulatedNode
	may   [simulatedTorrents]map[string]bool // possible states of each torrent
}

func simulate(t *testing.T, seed uint64, items [simulatedTorrents][2]store.Item) {
	backend := s3mem.New()
	if err := backend.CreateBucket(bucket); err != nil {
		t.Fatal(err)
	}
	s := &simulation{
		t: t, items: items, engine: gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server(),
		random: rand.New(rand.NewPCG(seed, 0)), begun: time.Now(),
	}
	s.note("seed %d", seed)
	defer func() {
		if t.Failed() {
			t.Log(s.trace.String())
		}
	}()
	for i := range s.nodes {
		s.nodes[i] = s.open(fmt.Sprintf("node %d", i))
	}
	for i := range s.may {
		s.may[i] = map[string]bool{"absent": true}
	}
	target := memstore.New()
	stop := s.follow(target)
	m := s.newMirror()
	s.set(8)
	var clients sync.WaitGroup
	for i := range simulatedNodes {
		clients.Go(func() { s.client(i) })
	}
	clients.Go(s.kills)
	clients.Go(m.live)
	clients.Wait()
	s.end()
	time.Sleep(5 * time.Minute) // time to settle uncertain and late requests
	stop()
	m.stop()
	s.compare(target, m)
	for _, n := range s.nodes {
		n.close()
	}
}

// note adds a line to the trace.
func (s *simulation) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(&s.trace, "%10s  %s\n", time.Since(s.begun).Round(time.Millisecond), fmt.Sprintf(format, args...))
}

func (s *simulation) pick(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.IntN(n)
}

func (s *simulation) set(percent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.percent = percent
}

// end ends the faults.
func (s *simulation) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.percent, s.ended = 0, time.Now()
}

// kills kills nodes, so that their requests fail at once, and starts others in their place.
func (s *simulation) kills() {
	for k := range 3 {
		time.Sleep(time.Duration(s.pick(20_000)) * time.Millisecond)
		i := s.pick(simulatedNodes - 1) // the migration follows the last one
		old := s.nodes[i]
		s.note("%s is killed", old.name)
		old.mu.Lock()
		old.dead = true
		old.mu.Unlock()
		old.close()
		s.set(0)
		fresh := s.open(fmt.Sprintf("node %d.%d", i, k+1))
		s.mu.Lock()
		s.nodes[i] = fresh
		s.mu.Unlock()
		s.set(8)
	}
}

// node returns the current i-th node.
func (s *simulation) node(i int) *simulatedNode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nodes[i]
}

// client changes its own torrents at random nodes, and records their possible states: the one
// that an answer says, or the states before and after if there is no answer.
func (s *simulation) client(which int) {
	for range simulatedSteps {
		n := s.node(s.pick(simulatedNodes))
		torrent := which + simulatedNodes*s.pick(simulatedTorrents/simulatedNodes)
		before := s.may[torrent]
		what, after, err := s.change(n, torrent, before)
		s.note("client %d at %s: torrent %d, %s: %v", which, n.name, torrent, what, err)
		switch {
		case errors.Is(err, store.ErrUnavailable):
			for state := range before {
				after[state] = true
			}
			s.may[torrent] = after
		case err == nil:
			s.may[torrent] = after
		}
		time.Sleep(time.Duration(s.pick(1000)) * time.Millisecond)
	}
}

// change makes one change to a torrent, and returns the possible states after it.
func (s *simulation) change(n *simulatedNode, torrent int, before map[string]bool) (what string, after map[string]bool, err error) {
	ctx := context.Background()
	item := s.items[torrent][s.pick(2)]
	after = map[string]bool{}
	switch s.pick(4) {
	case 0:
		removal := store.Removal{Reason: "simulated"}
		for state := range before {
			after["removed, "+strings.TrimPrefix(state, "removed, ")] = true
		}
		return "remove", after, storetest.Remove(ctx, n, item.IDs.Primary(), removal)
	case 1:
		for state := range before {
			after[strings.TrimPrefix(state, "removed, ")] = true
		}
		err = storetest.Restore(ctx, n, item.IDs.Primary())
		return "restore", after, err
	default:
		result := n.Put(ctx, []store.Item{item})[0]
		for state := range before {
			if state == "absent" {
				state = label(item.Torrent)
			}
			after[state] = true
		}
		return "put " + label(item.Torrent), after, result.Err
	}
}

// simulated returns the two files of each torrent.
func simulated(t *testing.T) (items [simulatedTorrents][2]store.Item) {
	t.Helper()
	for n := range items {
		name := fmt.Sprintf("simulated %d", n)
		whole := [][]byte{torrenttest.V1(name), torrenttest.V2(name), torrenttest.Hybrid(name)}[n/simulatedNodes%3]
		for i := range items[n] {
			file := append(fmt.Appendf(nil, "d7:comment1:%d", i), whole[1:]...)
			items[n][i] = itemOf(t, file)
		}
	}
	return items
}

// itemOf returns a torrent as the item of an anonymous upload.
func itemOf(t *testing.T, torrent []byte) store.Item {
	t.Helper()
	parsed, err := metainfo.Parse(torrent)
	if err != nil {
		t.Fatal(err)
	}
	offset, length := parsed.InfoSpan()
	return store.Item{IDs: parsed.IDs(), Torrent: torrent, InfoOffset: offset, InfoLength: length, Rank: store.RankAnonymous}
}

// label returns a name for a file.
func label(file []byte) string { v := store.VersionOf(file); return fmt.Sprintf("file %x", v[:4]) }

// says returns a store's answer for an id, as text.
func says(s store.Store, id infohash.ID) string {
	got, err := s.Get(context.Background(), id, nil)
	switch {
	case errors.Is(err, store.ErrRemoved):
		return "removed"
	case errors.Is(err, store.ErrNotFound):
		return "absent"
	case err != nil:
		return err.Error()
	}
	return label(got.Bytes)
}

// compare fails the test unless all nodes, a fresh node and the destination of the migration give
// the same answer for each torrent. The answer must be a possible state, and the mirror must
// agree with it.
func (s *simulation) compare(target store.Store, m *simulatedMirror) {
	fresh := s.open("a fresh node")
	defer fresh.close()
	m.compare(fresh)
	for torrent, may := range s.may {
		ids := s.items[torrent][0].IDs
		want := says(fresh, ids.Primary())
		allowed := false
		for state := range may {
			allowed = allowed || state == want || want == "removed" && strings.HasPrefix(state, "removed, ")
		}
		if !allowed {
			s.t.Errorf("torrent %d is %q, it may be %v", torrent, want, may)
		}
		for name, other := range map[string]store.Store{"node 0": s.node(0), "node 1": s.node(1), "node 2": s.node(2), "the destination": target} {
			for _, id := range ids.All() {
				if got := says(other, id); got != want && (want != "removed" || id == ids.Primary()) {
					s.t.Errorf("torrent %d (%v): %s says %q, a fresh node %q", torrent, id, name, got, want)
				}
			}
		}
	}
}

// follow migrates the feed of the last node to target until stop is called.
func (s *simulation) follow(target store.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- migrate.Run(ctx, migrate.Options{
			From: s.nodes[simulatedNodes-1], To: target, Parallel: 4, Follow: true, Patience: time.Hour,
			Save: func(store.Cursor) error { return nil }, CaughtUp: func() {},
			Refused: func(id infohash.ID, err error) { s.note("%v is not moved: %v", id, err) },
		}, &migrate.Counts{})
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("the migration: %v", err)
		}
	}
}
