package diskstore

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/commit"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// evicting returns options of a store that evicts.
func evicting(clock *days) Options {
	o := onDisk(vfs.NewMem(), "/store")
	o.Clock, o.Evict, o.MaxStoreSize, o.SegmentSize, o.MinFreeSpace = clock.now, true, MinEvict, 0, -1
	return o
}

// evictee is a torrent of those tests.
type evictee struct {
	seed uint64
	item store.Item
	used time.Time
}

// evictTorrent returns one of about 60 KB; of six two are fetched, and one is of a writer with
// a key.
func evictTorrent(seed uint64) store.Item {
	item := storetest.Torrent(storetest.V1, seed, 60_000, 0)
	switch seed % 6 {
	case 0, 1:
		item.Rank = store.RankFetched
	case 2:
		item.Rank = store.RankKeyed
	}
	return item
}

// pushing is a store that is pushed into.
type pushing struct {
	t     *testing.T
	clock *days
	s     *Store
	all   []*evictee
}

// push puts another torrent, and reports whether there was room.
func (p *pushing) push() bool {
	p.t.Helper()
	seed := uint64(len(p.all))
	item := evictTorrent(seed)
	r := p.s.Put(p.t.Context(), []store.Item{item})[0]
	if r.Err != nil && !errors.Is(r.Err, store.ErrFull) || r.Err == nil && r.Outcome != store.Created {
		p.t.Fatalf("Put = %+v", r)
	}
	p.all = append(p.all, &evictee{seed, item, p.clock.now()})
	if r.Err != nil {
		p.all[seed].item = store.Item{}
	}
	return r.Err == nil
}

// lost returns the torrents that are gone, and fails if one of them should be there, or the
// store takes more than it may.
func (p *pushing) lost() (gone []*evictee) {
	p.t.Helper()
	if stats, err := p.s.Stats(p.t.Context()); err != nil || stats.DiskUsed > p.s.options.MaxStoreSize {
		p.t.Errorf("Stats = %+v, %v", stats, err)
	}
	for _, e := range p.all {
		if e.item.Torrent == nil || gets(p.t, p.s, e.item) {
			continue
		}
		gone = append(gone, e)
		if e.item.Rank == store.RankKeyed || p.clock.now().Sub(e.used) < MinUnread {
			p.t.Errorf("torrent %d of rank %d is gone, which was used %v ago", e.seed, e.item.Rank, p.clock.now().Sub(e.used))
		}
	}
	return gone
}

// lostAtRest returns how many torrents are gone when the background has nothing more to evict.
func (p *pushing) lostAtRest() int64 {
	p.t.Helper()
	if _, err := p.s.evict(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	return int64(len(p.lost()))
}

// TestEvict pushes more than twice the bytes that there is room for, while a few torrents are read:
// those and the new ones stay, fetched torrents go first, and the store stays below its bound.
func TestEvict(t *testing.T) {
	if raced {
		return // see raced
	}
	clock := newDays()
	o := evicting(clock)
	var dropped atomic.Int64 // also in the background
	o.OnDrop = func(_ DropCause, n int) { dropped.Add(int64(n)) }
	p := &pushing{t: t, clock: clock, s: mustOpen(t, o)}
	rng := rand.New(rand.NewPCG(1, 1))
	full := 0
	for len(p.all) < 5*MinEvict/2/60_000 {
		if !p.push() {
			full++
		}
		clock.advance(time.Hour)
		for range 2 {
			if e := p.all[rng.IntN(min(len(p.all), 60))]; e.item.Torrent != nil && gets(t, p.s, e.item) {
				p.s.NoteRead(e.item.IDs)
				e.used = clock.now()
			}
		}
		if len(p.all)%8 == 0 && p.s.mustEvict() {
			if _, err := p.s.evict(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(p.all)%500 == 0 {
			p.lost()
		}
	}
	if gone := p.lostAtRest(); gone != dropped.Load() || gone < MinEvict/120_000 {
		t.Errorf("%d torrents are gone, %d were dropped", gone, dropped.Load())
	}
	if full > len(p.all)/20 {
		t.Errorf("%d of %d uploads were refused", full, len(p.all))
	}
	p.s = reopened(t, p.s, true)
	if gone := p.lostAtRest(); gone != dropped.Load() {
		t.Errorf("%d torrents are gone with a new index, %d were dropped", gone, dropped.Load())
	}
	accountsAreTrue(t, p.s)
}

// TestEvictOrder has enough fetched torrents: nothing else goes.
func TestEvictOrder(t *testing.T) {
	if raced {
		return // see raced
	}
	clock := newDays()
	p := &pushing{t: t, clock: clock, s: mustOpen(t, evicting(clock))}
	for !p.s.mustEvict() {
		p.push()
	}
	if found, err := p.s.evict(t.Context()); found || err != nil {
		t.Fatalf("what is new is evicted: %v, %v", found, err)
	}
	clock.advance(30 * 24 * time.Hour)
	// The background may have come first, after the last segment was sealed.
	if found, err := p.s.evict(t.Context()); !found && p.s.mustEvict() || err != nil {
		t.Fatalf("evict = %v, %v", found, err)
	}
	gone := p.lost()
	for _, e := range gone {
		if e.item.Rank != store.RankFetched {
			t.Errorf("torrent %d of rank %d is gone", e.seed, e.item.Rank)
		}
	}
	if len(gone) == 0 || p.s.mustEvict() {
		t.Errorf("%d torrents are gone", len(gone))
	}
}

// TestEvictNothing fills a store with new torrents, and with those that writers with a key put:
// nothing goes, and uploads are refused. Torrents that nobody uploaded are refused before.
func TestEvictNothing(t *testing.T) {
	if raced {
		return // see raced
	}
	clock := newDays()
	p := &pushing{t: t, clock: clock, s: mustOpen(t, evicting(clock))}
	direct := 0
	for n := uint64(0); ; n++ {
		item := storetest.Torrent(storetest.V1, 1<<40+n, 60_000, 0)
		item.Rank = store.RankKeyed
		if p.s.committer.Used() > p.s.options.share(commit.EvictFrom) {
			copied := storetest.Torrent(storetest.V1, 1<<41+n, 60_000, 0)
			copied.Unasked = true
			if r := p.s.Put(t.Context(), []store.Item{copied})[0]; !errors.Is(r.Err, store.ErrFull) {
				t.Fatalf("Put of what nobody uploaded = %+v", r)
			}
			direct++
		}
		r := p.s.Put(t.Context(), []store.Item{item})[0]
		if errors.Is(r.Err, store.ErrFull) {
			break
		}
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if direct < 2 {
		t.Error("what was uploaded is refused as early as what was not")
	}
	clock.advance(100 * 24 * time.Hour)
	before, err := p.s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if found, err := p.s.evict(t.Context()); found || err != nil {
		t.Errorf("evict = %v, %v", found, err)
	}
	if after, err := p.s.Stats(t.Context()); err != nil || after.Torrents != before.Torrents || after.DiskUsed > MinEvict {
		t.Errorf("Stats = %+v, %v; before %+v", after, err, before)
	}
	o := p.s.options
	o.DropKeyed = true
	if err := p.s.Close(); err != nil {
		t.Fatal(err)
	}
	p.s = mustOpen(t, o)
	// The background may have come first: opening sealed a segment.
	if _, err := p.s.evict(t.Context()); err != nil || p.s.mustEvict() {
		t.Errorf("with DropKeyed evict: %v", err)
	}
	if after, err := p.s.Stats(t.Context()); err != nil || after.Torrents >= before.Torrents {
		t.Errorf("Stats with DropKeyed = %+v, %v; before %+v", after, err, before)
	}
}
