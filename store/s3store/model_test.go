package s3store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestFaultsModel does random things at two nodes while a part of the requests fails,
// and compares each answer with a store in memory. The answer that nothing is known
// (ErrUnavailable) may stand for both: done, or not done. At the end a third node sees
// the same torrents, and the feed has every acknowledged change.
func TestFaultsModel(t *testing.T) {
	e := newEngine(t)
	m := &model{t: t, faults: newFaults(t), plain: memstore.NewWithClock(fixedTime)}
	for range 2 {
		o := e.options("model/", fixedTime)
		o.Transport = m.faults
		m.nodes = append(m.nodes, open(t, o))
	}
	m.faults.set(faultPercent)
	for range 200 {
		m.step()
	}
	m.faults.set(0)
	if len(m.faults.counts) < 8 || m.unknown == 0 {
		t.Errorf("only these faults: %v, and %d unknown ends", m.faults.counts, m.unknown)
	}
	fresh := open(t, e.options("model/", fixedTime))
	for seed := range modelTorrents {
		for _, id := range m.item(seed, 0).IDs.All() {
			m.compare(fresh, id)
		}
	}
	m.compareFeed(fresh)
}

const (
	modelTorrents = 6
	faultPercent  = 35
)

func fixedTime() time.Time { return time.Unix(1_700_000_000, 0) }

type model struct {
	t        *testing.T
	faults   *faults
	plain    *memstore.Store
	nodes    []*Store
	required []store.Change // those that were acknowledged
	unknown  int
}

func (m *model) item(seed, outer int) store.Item {
	item := storetest.Torrent(storetest.Shape(seed%3), uint64(seed), 700, outer)
	item.Rank = [2]store.Rank{store.RankAnonymous, store.RankKeyed}[outer%2]
	return item
}

// step does one thing at one node.
func (m *model) step() {
	node := m.nodes[m.faults.pick(len(m.nodes))]
	item := m.item(m.faults.pick(modelTorrents), m.faults.pick(4))
	ids := item.IDs.All()
	id := ids[0]
	if _, err := m.plain.Get(m.t.Context(), id, nil); err == nil {
		id = ids[m.faults.pick(len(ids))] // any name of a held torrent; in advance only the first
	}
	removal := store.Removal{Reason: "model", Time: fixedTime(), Erase: ids[0].String() < "8"} // not told apart by reading, so the same each time
	switch what := m.faults.pick(10); {
	case what < 5:
		if held, err := m.plain.Get(m.t.Context(), id, nil); err == nil && m.faults.pick(3) == 0 {
			item.Replaces = held.Version
		}
		m.do(item.IDs, func(s store.Store) (store.Outcome, error) {
			r := s.Put(m.t.Context(), []store.Item{item})[0]
			return r.Outcome, r.Err
		}, node)
	case what < 6:
		m.do(item.IDs, func(s store.Store) (store.Outcome, error) { return 0, storetest.Remove(m.t.Context(), s, id, removal) }, node)
	case what < 7:
		m.do(item.IDs, func(s store.Store) (store.Outcome, error) { return 0, storetest.Restore(m.t.Context(), s, id) }, node)
	default:
		m.compare(node, ids[m.faults.pick(len(ids))])
	}
}

// do does the same at the node and in the model.
func (m *model) do(ids infohash.Set, run func(store.Store) (store.Outcome, error), node *Store) {
	outcome, err := run(node)
	_, end, _ := m.plain.Changes(m.t.Context(), store.Cursor{}, 1<<20)
	if !errors.Is(err, store.ErrUnavailable) {
		want, wantErr := run(m.plain)
		if outcome != want || !alike(err, wantErr) {
			m.t.Fatalf("%v: outcome %d, %v; want %d, %v", ids, outcome, err, want, wantErr)
		}
		changes, _, _ := m.plain.Changes(m.t.Context(), end, 10)
		m.required = append(m.required, changes...)
		return
	}
	unknown := err
	m.unknown++
	m.faults.set(0)
	if !m.same(node, ids) {
		if _, err := run(m.plain); err != nil || !m.same(node, ids) {
			m.t.Fatalf("%v: %v; then neither as before nor as after (%v): %s", ids, unknown, err, m.differences(node, ids))
		}
	}
	m.faults.set(faultPercent)
}

// same reports whether all ids answer as in the model.
func (m *model) same(node *Store, ids infohash.Set) bool {
	for _, id := range ids.All() {
		got, err := node.Get(m.t.Context(), id, nil)
		want, wantErr := m.plain.Get(m.t.Context(), id, nil)
		if !alike(err, wantErr) || !bytes.Equal(got.Bytes, want.Bytes) || got.Rank != want.Rank {
			return false
		}
	}
	return true
}

// differences says how the ids answer, and how they do in the model.
func (m *model) differences(node *Store, ids infohash.Set) (text string) {
	for _, id := range ids.All() {
		got, err := node.Get(m.t.Context(), id, nil)
		want, wantErr := m.plain.Get(m.t.Context(), id, nil)
		text += fmt.Sprintf("\n%v: %d bytes, version %x, %v; in the model %d bytes, version %x, %v",
			id, len(got.Bytes), got.Version, err, len(want.Bytes), want.Version, wantErr)
	}
	return text
}

// compare fails unless id answers as in the model, or not at all.
func (m *model) compare(node *Store, id infohash.ID) {
	got, err := node.Get(m.t.Context(), id, nil)
	want, wantErr := m.plain.Get(m.t.Context(), id, nil)
	if errors.Is(err, store.ErrUnavailable) {
		return
	}
	if !alike(err, wantErr) || !bytes.Equal(got.Bytes, want.Bytes) || got.IDs != want.IDs || got.Rank != want.Rank || got.Version != want.Version {
		m.t.Fatalf("Get(%v) = %+v, %v; want %+v, %v", id, got, err, want, wantErr)
	}
}

// compareFeed fails unless the acknowledged changes are in the feed, those of each
// torrent in their order.
func (m *model) compareFeed(node *Store) {
	feed, _, err := node.Changes(m.t.Context(), store.Cursor{}, 1<<20)
	if err != nil {
		m.t.Fatal(err)
	}
	for seed := range modelTorrents {
		ids := m.item(seed, 0).IDs
		of := func(all []store.Change) (some []store.ChangeKind) {
			for _, c := range all {
				if ids.Contains(c.IDs.Primary()) {
					some = append(some, c.Kind)
				}
			}
			return some
		}
		want, got := of(m.required), of(feed)
		for _, kind := range got {
			if len(want) > 0 && kind == want[0] {
				want = want[1:]
			}
		}
		if len(want) > 0 {
			m.t.Errorf("torrent %d: the feed lacks %v; it has %v", seed, want, got)
		}
	}
}

// alike reports whether two errors say the same to a caller.
func alike(a, b error) bool {
	for _, what := range []error{store.ErrNotFound, store.ErrRemoved, store.ErrConflict, store.ErrChanged, store.ErrDamaged} {
		if errors.Is(a, what) || errors.Is(b, what) {
			return errors.Is(a, what) && errors.Is(b, what)
		}
	}
	return a == nil && b == nil
}
