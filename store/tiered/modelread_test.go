package tiered

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/flight"
	"github.com/torrentcache/torrentcache/store"
)

// stateOf is an answer in words.
func stateOf(t store.Torrent, err error) string {
	switch {
	case err == nil && store.VersionOf(t.Bytes) != t.Version:
		return "wrong bytes"
	case err == nil:
		return fmt.Sprintf("version %x, rank %d, stored %s", t.Version, t.Rank, t.Stored)
	case errors.Is(err, store.ErrRemoved):
		return "removed"
	case errors.Is(err, store.ErrNotFound):
		return "not found"
	}
	return err.Error()
}

// read reads until stop is closed.
func (m *model) read(rng *rand.Rand, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rng.IntN(50)) * time.Millisecond):
		}
		torrent := rng.IntN(modelTorrents)
		ids := modelItem(torrent, 0).IDs.All()
		m.mu.RLock()
		m.readOne(torrent, ids[rng.IntN(len(ids))])
		m.mu.RUnlock()
	}
}

// readOne reads one torrent and checks the answer.
func (m *model) readOne(torrent int, id infohash.ID) {
	hits := m.node.counts.hits.Load()
	m.know.Lock()
	begun, floor := time.Now(), m.floor[torrent]
	m.know.Unlock()
	got, err := m.node.Get(context.Background(), id, nil)
	m.making <- struct{}{} // the answer may be of a change that is being made
	defer func() { <-m.making }()
	m.know.Lock()
	defer m.know.Unlock()
	out := m.cut || !m.cutTill.Before(begun.Add(-flight.AskTime))
	kind, within := "miss", Fresh
	switch {
	case errors.Is(err, store.ErrUnavailable):
		m.answers["unavailable"]++
		if !out {
			m.t.Errorf("torrent %d: %v without an outage", torrent, err)
		}
		return
	case got.Stale:
		kind, within = "stale", modelStale
		if !out {
			m.t.Errorf("torrent %d: stale without an outage", torrent)
		}
	case m.node.counts.hits.Load() > hits:
		kind = "hit"
	}
	m.answers[kind]++
	since := begun.Add(-within)
	if floor.After(since) {
		since = floor.Add(1) // the state until then is not true any more
	}
	if state := stateOf(got, err); !m.was(id, state, since) {
		m.t.Errorf("torrent %d, %v: a %s says %q, which was not so since %v; it was %v", torrent, id, kind, state, since, m.spans[id])
	}
}

// was reports whether an id was in a state at any time since then.
func (m *model) was(id infohash.ID, state string, since time.Time) bool {
	spans := m.spans[id]
	if len(spans) == 0 {
		return state == "not found"
	}
	for _, s := range spans {
		if s.state == state && (s.until.IsZero() || !s.until.Before(since)) {
			return true
		}
	}
	return state == "not found" && !spans[0].from.Before(since)
}
