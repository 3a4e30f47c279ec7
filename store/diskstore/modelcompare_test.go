package diskstore

import (
	"slices"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
)

// compare compares all that both stores say.
func (m *model) compare() {
	m.t.Helper()
	for seed := range uint64(33) {
		for _, id := range m.id(seed).All() {
			m.get(id)
		}
		disk, err := m.disk.Has(m.t.Context(), m.id(seed).All())
		memory, _ := m.memory.Has(m.t.Context(), m.id(seed).All())
		if err != nil || !slices.Equal(disk, memory) {
			m.t.Errorf("Has: on disk %v, %v, in memory %v", disk, err, memory)
		}
	}
	disk, err := m.disk.Stats(m.t.Context())
	memory, _ := m.memory.Stats(m.t.Context())
	disk.DiskUsed = 0
	if err != nil || disk != memory {
		m.t.Errorf("Stats: on disk %+v, %v, in memory %+v", disk, err, memory)
	}
	onDisk, _, err := m.disk.Changes(m.t.Context(), store.Cursor{}, 1<<30)
	inMemory, _, _ := m.memory.Changes(m.t.Context(), store.Cursor{}, 1<<30)
	if err != nil {
		m.t.Error(err)
	}
	m.fits(onDisk, inMemory)
}

// fits fails unless the feed on disk is that in memory, apart from changes that
// later ones of the same ids made pointless: compaction takes those away, and a
// new index does not know them.
func (m *model) fits(onDisk, inMemory []store.Change) {
	m.t.Helper()
	latest := map[infohash.ID]int{}
	for i, c := range inMemory {
		latest[c.IDs.V1], latest[c.IDs.V2] = i, i
		if c.Kind == store.ChangeAdded || c.Kind == store.ChangeReplaced {
			latest[c.IDs.V2.Short()] = i
		}
	}
	latest[infohash.ID{}] = -1
	for i, c := range slices.Backward(inMemory) {
		if n := len(onDisk); n > 0 && sameChange(onDisk[n-1], c) {
			onDisk = onDisk[:n-1]
		} else if latest[c.IDs.V1] == i || latest[c.IDs.V2] == i {
			m.t.Errorf("the feed on disk lacks change %d of %d: %v", i, len(inMemory), c)
		}
	}
	if len(onDisk) > 0 {
		m.t.Errorf("the feed on disk has what that in memory has not, or not there: %v", onDisk[len(onDisk)-1])
	}
}

func sameChange(a, b store.Change) bool {
	return a.Kind == b.Kind && a.IDs == b.IDs && a.Time.Equal(b.Time)
}
