package diskstore

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// testUnread is the time after which the stores of these tests drop unread torrents.
const testUnread = 10 * 24 * time.Hour

// days is a clock that a test sets.
type days struct{ seconds atomic.Int64 }

func newDays() *days {
	d := &days{}
	d.seconds.Store(fixedClock().Unix())
	return d
}

func (d *days) now() time.Time           { return time.Unix(d.seconds.Load(), 0) }
func (d *days) advance(by time.Duration) { d.seconds.Add(int64(by / time.Second)) }

// retaining returns options of a store that drops unread torrents.
func retaining(fs vfs.FS, clock *days) Options {
	o := onDisk(fs, "/store")
	o.Clock, o.DropUnreadAfter = clock.now, testUnread
	return o
}

// kept holds what a model knows of a torrent that was put.
type kept struct {
	item  store.Item
	used  uint32 // the last day on which it was used
	sure  uint32 // the same, as far as it is on disk
	put   uint32 // the day on which it was put
	there bool
}

// retainModel is a store beside the torrents that should be in it.
type retainModel struct {
	t     *testing.T
	rng   *rand.Rand
	clock *days
	disk  *Store
	all   map[uint64]*kept
	drops int
}

// TestRetentionModel uses a few torrents at random for years, in a store that is opened again,
// killed, compacted and reindexed meanwhile: exactly the torrents that nobody used for ten days go.
func TestRetentionModel(t *testing.T) {
	if raced {
		return // see raced
	}
	for range rounds(4) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		clock := newDays()
		m := &retainModel{t: t, rng: rand.New(rand.NewPCG(seed, 5)), clock: clock, all: map[uint64]*kept{}}
		o := retaining(vfs.NewCrashableMem(), clock)
		o.DropKeyed = seed%2 == 0
		o.OnDrop = func(_ DropCause, n int) { m.drops += n }
		m.open(o)
		m.flush()
		for range 600 {
			m.step()
		}
		m.dropped()
		mustClose(t, m.disk)
		if m.drops == 0 {
			t.Error("nothing was ever dropped")
		}
	}
}

func (m *retainModel) open(o Options) {
	m.t.Helper()
	disk, err := Open(o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.disk = disk
	if len(m.all) > 0 {
		accountsAreTrue(m.t, disk)
	}
}

func (m *retainModel) today() uint32 { return commit.DayOf(m.clock.now()) }

func (m *retainModel) step() {
	switch choice := m.rng.IntN(60); {
	case choice < 15:
		m.put(m.rng.Uint64N(40))
	case choice < 30:
		m.read(m.rng.Uint64N(40), choice < 26)
	case choice < 42:
		m.clock.advance(time.Duration(m.rng.IntN(40)) * time.Hour)
	case choice < 52:
		m.dropped()
	case choice < 54:
		if err := m.disk.Compact(m.t.Context()); err != nil {
			m.t.Error(err)
		}
	case choice < 57:
		m.flush()
	case choice < 58:
		m.reopen()
	case choice < 59:
		m.kill()
	default:
		m.reindex()
	}
}

// put puts a torrent with a rank of its own, at times unasked.
func (m *retainModel) put(seed uint64) {
	item := storetest.Torrent(storetest.Shape(seed%3), seed, 500+int(seed)*100, 0)
	item.Rank = []store.Rank{store.RankFetched, store.RankAnonymous, store.RankKeyed}[seed/3%3]
	item.Unasked = m.rng.IntN(3) == 0
	k := m.all[seed]
	if k == nil {
		k = &kept{item: item}
		m.all[seed] = k
	}
	want := store.Created
	if k.there {
		want = store.AlreadyCached
	}
	mustPut(m.t, m.disk, item, want)
	switch {
	case want == store.Created: // the record says when
		k.used, k.sure, k.put, k.there = m.today(), m.today(), m.today(), true
	case !item.IsUnasked():
		k.used = m.today()
	}
}

// read gets a torrent, which counts or does not.
func (m *retainModel) read(seed uint64, counts bool) {
	k := m.all[seed]
	if k == nil {
		return
	}
	_, err := m.disk.Get(m.t.Context(), k.item.IDs.Primary(), nil)
	if !k.there {
		if !errors.Is(err, store.ErrNotFound) {
			m.t.Errorf("Get of torrent %d, which was dropped = %v", seed, err)
		}
		return
	}
	if err != nil {
		m.t.Errorf("Get of torrent %d = %v", seed, err)
	}
	if counts {
		m.disk.NoteRead(k.item.IDs)
		k.used = m.today()
	}
}

// dropped drops the torrents that nobody used, and compares.
func (m *retainModel) dropped() {
	m.t.Helper()
	if _, err := m.disk.DropUnread(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	cutoff := m.disk.cutoff(testUnread)
	for seed, k := range m.all {
		may := k.there && (k.item.Rank < store.RankKeyed || m.disk.options.DropKeyed)
		has, err := m.disk.Has(m.t.Context(), k.item.IDs.All())
		if err != nil {
			m.t.Fatal(err)
		}
		for _, there := range has {
			if there.Found() != (k.there && !(may && k.used <= cutoff)) {
				m.t.Errorf("torrent %d, last used %d days before the last that goes: there is %v", seed, int(cutoff)-int(k.used), there.Found())
			}
		}
		k.there = has[0].Found()
	}
}

// flush has all that is known written to disk.
func (m *retainModel) flush() {
	m.disk.noteAccesses()
	if err := m.disk.index.Sync(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	for _, k := range m.all {
		k.sure = k.used
	}
}

func (m *retainModel) reopen() {
	mustClose(m.t, m.disk)
	m.open(m.disk.options)
	for _, k := range m.all {
		k.sure = k.used
	}
}

// kill cuts the power. Uses since the last flush may be as if they had not been.
func (m *retainModel) kill() {
	m.disk.noteSynced()
	o := m.disk.options
	o.FS = o.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(101), RNG: m.rng})
	mustClose(m.t, m.disk)
	m.open(o)
	for seed, k := range m.all {
		if !k.there {
			continue
		}
		at, err := m.disk.LastAccess(m.t.Context(), k.item.IDs.Primary())
		if err != nil {
			m.t.Fatal(err)
		}
		known := max(k.put, m.disk.accesses.Last(infohash.ID{})) // all of them count as read when the index is new
		if !at.IsZero() {
			known = max(known, commit.DayOf(at))
		}
		if known < k.sure || known > k.used {
			m.t.Errorf("torrent %d was used on day %d, by the model from %d to %d", seed, known, k.sure, k.used)
		}
		k.used, k.sure = known, known
	}
}

// reindex builds the index anew: all counts as read today.
func (m *retainModel) reindex() {
	mustClose(m.t, m.disk)
	if _, err := Reindex(m.disk.options); err != nil {
		m.t.Fatal(err)
	}
	m.open(m.disk.options)
	for _, k := range m.all {
		if k.there {
			k.used, k.sure = m.today(), m.today()
		}
	}
	m.flush()
}
