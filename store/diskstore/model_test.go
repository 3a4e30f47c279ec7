package diskstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/files"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestModel does the same random things to a store on disk, which is compacted,
// reopened, cut off, restored from a backup, and whose index is lost now and
// then, and to the one in memory. Both must answer the same.
func TestModel(t *testing.T) {
	if raced {
		return // see raced
	}
	for range rounds(8) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		m := newModel(t, seed)
		for range 400 {
			m.step()
		}
		m.compare()
		mustClose(t, m.disk)
	}
}

// model is a store on disk beside its model.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	disk    *Store
	memory  *memstore.Store
	damaged map[infohash.ID]bool // by primary id, until healed
	filler  uint64               // seed of the last torrent that only proves the log before it
	backups int
}

func newModel(t *testing.T, seed uint64) *model {
	var seconds atomic.Int64
	seconds.Store(fixedClock().Unix())
	clock := func() time.Time { return time.Unix(seconds.Load(), 0) }
	o := onDisk(vfs.NewCrashableMem(), "/store")
	o.Clock = clock
	disk, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return &model{
		t: t, rng: rand.New(rand.NewPCG(seed, 3)), disk: disk,
		memory: memstore.NewWithClock(clock), damaged: map[infohash.ID]bool{},
		filler: 1 << 32,
	}
}

// item returns one of a few torrents with one of a few outer bytes and ranks,
// at times with the ids of another.
func (m *model) item() store.Item {
	seed := m.rng.Uint64N(30)
	item := storetest.Torrent(storetest.Shape(seed%3), seed, 100+int(seed)*200, m.rng.IntN(4))
	item.Rank = []store.Rank{store.RankFetched, store.RankAnonymous, store.RankKeyed}[m.rng.IntN(3)]
	switch m.rng.IntN(12) {
	case 0:
		item.IDs = m.id(seed + 1)
	case 1:
		item.IDs.V1 = m.id(seed + 3).V1
	case 2:
		item.Replaces = store.VersionOf(storetest.Torrent(storetest.Shape(seed%3), seed, 100+int(seed)*200, m.rng.IntN(4)).Torrent)
	}
	return item
}

func (m *model) id(seed uint64) infohash.Set {
	return storetest.Torrent(storetest.Shape(seed%3), seed, 100+int(seed)*200, 0).IDs
}

// anyID returns an id that may be held, or not.
func (m *model) anyID() infohash.ID {
	ids := m.id(m.rng.Uint64N(33)).All()
	return ids[m.rng.IntN(len(ids))]
}

// anyIDs returns a few of them.
func (m *model) anyIDs() []infohash.ID {
	ids := make([]infohash.ID, 1+m.rng.IntN(3))
	for i := range ids {
		ids[i] = m.anyID()
	}
	return ids
}

func (m *model) step() {
	ctx := m.t.Context()
	switch choice := m.rng.IntN(40); {
	case choice < 20:
		items := make([]store.Item, 1+m.rng.IntN(4))
		for i := range items {
			items[i] = m.item()
			if i < len(items)-1 { // a replacement comes after the others of its batch
				items[i].Rank, items[i].Replaces = store.RankFetched, store.Version{}
			}
		}
		m.put(items)
	case choice < 26:
		m.get(m.anyID())
	case choice < 30:
		ids, removal := m.anyIDs(), store.Removal{Reason: "model", Erase: m.rng.IntN(6) == 0}
		m.sameRemoved("Remove", m.disk.Remove(ctx, ids, removal), m.memory.Remove(ctx, ids, removal))
	case choice < 35:
		ids := m.anyIDs()
		m.sameRemoved("Restore", m.disk.Restore(ctx, ids), m.memory.Restore(ctx, ids))
	case choice < 36:
		m.damage(m.anyID())
	case choice < 37:
		m.reopen(closed)
	case choice < 38:
		m.reopen(ending(m.rng.IntN(int(endings))))
	case choice < 39:
		m.compact()
	default:
		if _, err := m.disk.index.Flush(); err != nil {
			m.t.Error(err)
		}
	}
}

// compact compacts some of the segments.
func (m *model) compact() {
	for _, id := range m.disk.segments.IDs() {
		if m.rng.IntN(3) > 0 {
			continue
		}
		c := &compaction{store: m.disk, now: m.disk.options.Clock().Unix()}
		if err := c.segment(m.t.Context(), id); err != nil {
			m.t.Error(err)
		}
	}
}

// sameRemoved compares the results of removals or restorations.
func (m *model) sameRemoved(what string, disk, memory []store.Removed) {
	m.t.Helper()
	for i, d := range disk {
		m.same(what, d.Err, memory[i].Err)
		if d.Err == nil && d != memory[i] {
			m.t.Errorf("%s: on disk %+v, in memory %+v", what, d, memory[i])
		}
	}
}

// same fails unless both errors are of the same kind.
func (m *model) same(what string, disk, memory error) {
	m.t.Helper()
	for _, kind := range []error{
		store.ErrNotFound, store.ErrRemoved, store.ErrConflict, store.ErrChanged,
		store.ErrDamaged, store.ErrInvalid, store.ErrFull, store.ErrUnavailable,
	} {
		if errors.Is(disk, kind) != errors.Is(memory, kind) {
			m.t.Errorf("%s: on disk %v, in memory %v", what, disk, memory)
			return
		}
	}
	if (disk == nil) != (memory == nil) {
		m.t.Errorf("%s: on disk %v, in memory %v", what, disk, memory)
	}
}

func (m *model) put(items []store.Item) {
	m.t.Helper()
	disk, memory := m.disk.Put(m.t.Context(), items), m.memory.Put(m.t.Context(), items)
	for i := range items {
		m.same("Put", disk[i].Err, memory[i].Err)
		if disk[i].Outcome != memory[i].Outcome {
			m.t.Errorf("Put: on disk %+v, in memory %+v", disk[i], memory[i])
		}
		if memory[i].Outcome == store.Healed {
			delete(m.damaged, items[i].IDs.Primary())
		}
	}
}

func (m *model) get(id infohash.ID) {
	m.t.Helper()
	disk, err := m.disk.Get(m.t.Context(), id, nil)
	memory, want := m.memory.Get(m.t.Context(), id, nil)
	m.same("Get", err, want)
	if disk.IDs != memory.IDs || disk.Version != memory.Version || disk.Rank != memory.Rank ||
		!disk.Stored.Equal(memory.Stored) || !bytes.Equal(disk.Bytes, memory.Bytes) {
		m.t.Errorf("Get: on disk %+v, in memory %+v", disk, memory)
	}
}

// damage damages a torrent that is held, in both, and has the damage found.
func (m *model) damage(id infohash.ID) {
	held, err := m.memory.Get(m.t.Context(), id, nil)
	if err != nil {
		return
	}
	at := m.disk.where(m.t, id)
	flip(m.t, m.disk.options.FS, fileOf(m.disk.options, at.Segment), at.Offset+format.HeaderSize)
	m.memory.Damage(id)
	m.damaged[held.IDs.Primary()] = true
	m.get(id)
}

// ending is how a store comes to be opened again.
type ending int

const (
	closed    ending = iota
	indexLost        // after closing
	powerLost
	restored // from a backup
	endings
)

// reopen ends the store on disk and opens it again. Damage that a new index does
// not know of is found again by reading.
func (m *model) reopen(how ending) {
	m.t.Helper()
	// Damage in the last group looks like a torn end, unless the mark or a later group
	// tells that it was synced.
	if m.rng.IntN(2) == 0 {
		m.disk.noteSynced()
	} else if how == powerLost {
		m.filler++
		m.put([]store.Item{storetest.Torrent(storetest.V1, m.filler, 100, 0)})
	}
	o := m.disk.options
	switch how {
	case powerLost:
		o.FS = o.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(101), RNG: m.rng})
	case restored:
		m.backups++
		o.Dir = fmt.Sprintf("/backup%d", m.backups)
		if err := m.disk.Backup(m.t.Context(), o.Dir, nil); err != nil {
			m.t.Fatal(err)
		}
	}
	mustClose(m.t, m.disk)
	if how == indexLost {
		if err := o.FS.RemoveAll(o.FS.PathJoin(o.Dir, files.IndexDir)); err != nil {
			m.t.Fatal(err)
		}
	}
	disk, err := Open(o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.disk = disk
	for id := range m.damaged {
		m.rediscover(id)
	}
	accountsAreTrue(m.t, disk)
}

// rediscover has damage found again, under a removal too.
func (m *model) rediscover(id infohash.ID) {
	e, err := m.disk.index.Get(id)
	if err != nil {
		m.t.Fatal(err)
	}
	if e == nil || e.At.IsZero() || e.Damaged {
		return
	}
	if _, _, err := m.disk.readAt(e.At, id, nil); errors.Is(err, format.ErrBadRecord) {
		m.disk.foundDamage(context.Background(), e, id)
	}
}
