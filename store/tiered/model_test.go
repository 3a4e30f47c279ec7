package tiered

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestModel does random things at a node and at the store behind it, as other nodes
// do: puts, removals, restorations, outages of the store and of its feed, a disk that
// fails, a folder that is lost, opening anew. Meanwhile readers compare what the node
// answers with what the store held:
//
//   - a copy that is served by itself was true within the time Fresh;
//   - one that is marked stale was true within MaxStale, and the store was out of reach;
//   - no answer is from before a change that this node made;
//   - UNAVAILABLE is answered in an outage alone.
//
// Opened anew, the folder may be gone, or files in it damaged. They lie on the disk, but
// are not synced.
//
// Time is that of a bubble. TORRENTCACHE_TEST_LONG makes it as long as ten of them.
func TestModel(t *testing.T) {
	rounds := 1
	if os.Getenv("TORRENTCACHE_TEST_LONG") != "" {
		rounds = 30
	}
	answers := map[string]int{}
	for range rounds {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			synctest.Test(t, func(t *testing.T) { runModel(t, seed, dir, answers) })
		})
	}
	for _, want := range []string{"hit", "stale", "miss", "unavailable"} {
		if answers[want] == 0 {
			t.Errorf("no read was a %s", want)
		}
	}
}

const (
	modelTorrents = 8
	modelReaders  = 3
	modelSteps    = 500
	modelStale    = 8 * time.Second
)

// span is a state and when it was that of an id.
type span struct {
	state       string
	from, until time.Time // until is zero for that of now
}

type model struct {
	t      *testing.T
	rng    *rand.Rand
	remote *memstore.Store
	dir    string

	mu      sync.RWMutex // held by readers while they read, and to open the node anew
	node    *node
	making  chan struct{} // has a value while a change is made and not yet in spans
	know    sync.Mutex
	spans   map[infohash.ID][]span
	floor   [modelTorrents]time.Time // of the last change that the node itself made
	cut     bool
	cutTill time.Time // when the last outage ended
	answers map[string]int
}

// runModel adds to answers how often each kind was given.
func runModel(t *testing.T, seed uint64, dir string, answers map[string]int) {
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 1)), remote: newRemote(), dir: dir, making: make(chan struct{}, 1), spans: map[infohash.ID][]span{}, answers: answers}
	m.node = m.open()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for r := range uint64(modelReaders) {
		readers.Go(func() { m.read(rand.New(rand.NewPCG(seed, 2+r)), stop) })
	}
	for range modelSteps {
		m.step()
		time.Sleep(time.Duration(m.rng.IntN(400)) * time.Millisecond)
	}
	close(stop)
	readers.Wait()
	m.node.close()
}

func (m *model) open() *node {
	return open(m.t, m.remote, m.dir, func(o *Options) { o.MaxStale, o.fs = modelStale, unsynced{diskstore.SystemFS()} })
}

func modelItem(torrent, outer int) store.Item {
	item := storetest.Torrent(storetest.Shape(torrent%3), uint64(torrent), 900, outer)
	item.Rank = [2]store.Rank{store.RankAnonymous, store.RankKeyed}[outer%2]
	return item
}

// step does one thing.
func (m *model) step() {
	torrent := m.rng.IntN(modelTorrents)
	switch what := m.rng.IntN(100); {
	case what < 20:
		m.change(torrent, m.remote)
	case what < 50:
		m.mu.RLock()
		m.change(torrent, m.node)
		m.mu.RUnlock()
	case what < 55 || m.cut && what < 70:
		m.outage()
	case what < 70:
		deaf := m.rng.IntN(2) == 0
		m.node.set(func(l *line) {
			if l.deaf = nil; deaf {
				l.deaf = errAway
			}
		})
	case what < 73:
		m.node.local.fail(errors.New("the disk failed, says the test"))
	case what < 80:
		m.openAnew()
	default:
		time.Sleep(time.Second) // reads alone
	}
}

// change changes a torrent at s, which is the node, or the store as others do.
func (m *model) change(torrent int, s store.Store) {
	item := modelItem(torrent, m.rng.IntN(4))
	ids := item.IDs.All()
	id := ids[m.rng.IntN(len(ids))]
	m.making <- struct{}{}
	defer func() { <-m.making }()
	begun := time.Now()
	var err error
	switch what := m.rng.IntN(6); {
	case what < 3:
		if held, err := m.remote.Get(m.t.Context(), id, nil); err == nil && what == 0 {
			item.Replaces = held.Version
		}
		err = s.Put(m.t.Context(), []store.Item{item})[0].Err
	case what < 4:
		err = storetest.Remove(m.t.Context(), s, id, store.Removal{Erase: m.rng.IntN(2) == 0})
	default:
		err = storetest.Restore(m.t.Context(), s, id)
	}
	m.know.Lock()
	defer m.know.Unlock()
	now, changed := time.Now(), false
	for _, id := range ids {
		spans := m.spans[id]
		state := stateOf(m.remote.Get(m.t.Context(), id, nil))
		if n := len(spans); n > 0 && spans[n-1].state != state {
			spans[n-1].until = now
		} else if n > 0 {
			continue
		}
		changed = true
		m.spans[id] = append(spans, span{state: state, from: begun})
	}
	if s != store.Store(m.remote) && changed && err == nil {
		m.floor[torrent] = now
	}
}

// outage begins or ends one of the store.
func (m *model) outage() {
	m.know.Lock()
	defer m.know.Unlock()
	if m.cut = !m.cut; !m.cut {
		m.cutTill = time.Now()
	}
	m.tellLine()
}

func (m *model) tellLine() {
	cut := m.cut
	m.node.set(func(l *line) {
		if l.cut = nil; cut {
			l.cut = errAway
		}
	})
}

// openAnew closes the cache and opens it over its folder, which may be gone or damaged.
func (m *model) openAnew() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.node.close()
	switch m.rng.IntN(6) {
	case 0:
		must(m.t, os.RemoveAll(m.dir))
	case 1, 2, 3:
		m.damage()
	}
	m.node = m.open()
	m.know.Lock()
	defer m.know.Unlock()
	m.tellLine()
}

// damage damages files of the folder: bits, stretches, ends, whole files.
func (m *model) damage() {
	var files []string
	must(m.t, filepath.WalkDir(m.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	for range 1 + m.rng.IntN(2*len(files)) {
		file := files[m.rng.IntN(len(files))]
		b, err := os.ReadFile(file)
		if err != nil || len(b) == 0 {
			continue // taken away before
		}
		at := m.rng.IntN(len(b))
		switch m.rng.IntN(10) {
		case 0:
			must(m.t, os.Remove(file))
			continue
		case 1:
			b = b[:at]
		case 2, 3, 4:
			clear(b[at:min(len(b), at+1+m.rng.IntN(4096))])
		default:
			b[at] ^= 1 << m.rng.IntN(8)
		}
		must(m.t, os.WriteFile(file, b, 0o644))
	}
}
