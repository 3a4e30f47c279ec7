package diskstore

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore/internal/format"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// TestPipelineCrash cuts the power while one group is synced and the next is written
// already, with each block lost in turn: neither was acknowledged, and a torrent of
// them is whole or was never there. Acknowledged torrents are there.
func TestPipelineCrash(t *testing.T) {
	p := newPipeline(t)
	if disks := p.settle(t, nil); disks < 10 {
		t.Errorf("only %d disks: nothing was written ahead", disks)
	}
	close(p.proceed[0]) // the first is durable; the second is synced
	<-p.syncing
	if err := <-p.results; err != nil {
		t.Fatal(err)
	}
	p.settle(t, &p.items[0])
	close(p.proceed[1])
	if err := <-p.results; err != nil {
		t.Fatal(err)
	}
	for _, item := range p.items {
		serves(t, p.store, item)
	}
}

// TestPipelineFault has a sync fail while the next group is written: both are refused,
// and so are later puts.
func TestPipelineFault(t *testing.T) {
	p := newPipeline(t)
	p.failing = true
	close(p.proceed[0])
	for range p.items {
		if err := <-p.results; !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Put = %v, want ErrUnavailable", err)
		}
	}
	for _, item := range p.items {
		if _, err := p.store.Get(t.Context(), item.IDs.V1, nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Get of what was refused = %v", err)
		}
	}
	if r := p.store.Put(t.Context(), p.items)[0]; !errors.Is(r.Err, store.ErrUnavailable) {
		t.Errorf("Put = %v, want ErrUnavailable", r.Err)
	}
	p.settle(t, nil)
}

// pipeline is a store of which the first group is being synced and the second
// is written.
type pipeline struct {
	fs      *vfs.MemFS
	store   *Store
	items   []store.Item    // one a group
	results chan error      // of their puts
	syncing chan struct{}   // a sync of the log begins
	proceed []chan struct{} // closed to let the first and the second sync end
	failing bool            // the first sync fails
}

func newPipeline(t *testing.T) *pipeline {
	p := &pipeline{
		fs: vfs.NewCrashableMem(), results: make(chan error, 2), syncing: make(chan struct{}, 2),
		proceed: []chan struct{}{make(chan struct{}), make(chan struct{})},
	}
	syncs := 0
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileSyncData || !strings.HasSuffix(op.Path, format.SegmentSuffix) || syncs == len(p.proceed) {
			return nil
		}
		syncs++
		p.syncing <- struct{}{}
		<-p.proceed[syncs-1]
		if p.failing {
			return errorfs.ErrInjected
		}
		return nil
	})
	o := onDisk(errorfs.Wrap(p.fs, injector), "/store")
	o.SegmentSize = 1 << 20
	p.store = mustOpen(t, o)
	put := func(item store.Item) { p.results <- p.store.Put(t.Context(), []store.Item{item})[0].Err }
	written := int64(format.SegmentStart)
	for seed := range uint64(len(p.proceed)) {
		item := storetest.Torrent(storetest.V1, seed, 20_000, 0)
		p.items = append(p.items, item)
		go put(item)
		written += format.RecordSize(len(item.Torrent))
		until(func() bool { return writtenThrough(p.store) == written })
	}
	<-p.syncing
	return p
}

// settle opens the disks that a power cut would leave, with each part lost in turn, and
// returns how many there were.
func (p *pipeline) settle(t *testing.T, acknowledged *store.Item) int {
	t.Helper()
	synced := snapshot(t, p.fs.CrashClone(vfs.CrashCloneCfg{}))
	written := snapshot(t, p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}))
	disks := []disk{synced, written}
	for _, part := range written.unsynced(synced) {
		disks = append(disks, written.without(part, synced))
	}
	for _, d := range disks {
		s := mustOpen(t, onDisk(d.mount(t), "/store"))
		for _, item := range p.items {
			_, err := s.Get(t.Context(), item.IDs.V1, nil)
			if err == nil {
				serves(t, s, item)
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("Get = %v", err)
			}
		}
		if acknowledged != nil {
			serves(t, s, *acknowledged)
		}
	}
	return len(disks)
}
