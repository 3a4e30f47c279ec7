package mirror_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	torrentcachev1 "github.com/torrentcache/torrentcache/gen/torrentcache/v1"
	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/internal/mirror"
	"github.com/torrentcache/torrentcache/metainfo/torrenttest"
	"github.com/torrentcache/torrentcache/server"
	"github.com/torrentcache/torrentcache/server/admin"
	"github.com/torrentcache/torrentcache/server/rpc"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/diskstore"
)

// badDisk is a file system that does not read the bytes of segments below an offset.
type badDisk struct {
	vfs.FS
	written, unreadable atomic.Int64 // offsets in the one segment that there is
}

// fail makes all bytes that were written until now unreadable.
func (d *badDisk) fail() { d.unreadable.Store(d.written.Load()) }

func (d *badDisk) mend() { d.unreadable.Store(0) }

func (d *badDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.wrap(name)(d.FS.Create(name, c))
}

func (d *badDisk) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(name)(d.FS.Open(name, options...))
}

func (d *badDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return d.wrap(name)(d.FS.OpenReadWrite(name, c, options...))
}

func (d *badDisk) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err == nil && strings.HasSuffix(name, ".segment") {
			f = &badFile{f, d}
		}
		return f, err
	}
}

type badFile struct {
	vfs.File
	disk *badDisk
}

func (f *badFile) ReadAt(b []byte, offset int64) (int, error) {
	if offset < f.disk.unreadable.Load() {
		return 0, syscall.EIO
	}
	return f.File.ReadAt(b, offset)
}

func (f *badFile) WriteAt(b []byte, offset int64) (int, error) {
	f.disk.written.Store(max(f.disk.written.Load(), offset+int64(len(b))))
	return f.File.WriteAt(b, offset)
}

// ailing is a node over a disk that fails, which repairs from others.
type ailing struct {
	*node
	disk     *badDisk
	segments *diskstore.Store
	cache    torrentcachev1.CacheServiceClient
	repairer *mirror.Repairer
}

// Repair is for its server, which is there before its repairer.
func (n *ailing) Repair(ctx context.Context, id infohash.ID) bool {
	return n.repairer.Repair(ctx, id)
}

// maintained is a store that a server can verify.
type maintained struct{ *diskstore.Store }

func (m maintained) Verify(ctx context.Context, o admin.VerifyOptions) error {
	_, err := m.Store.Verify(ctx, diskstore.VerifyOptions{Check: o.Check, GiveUp: o.GiveUp, Progress: func(p diskstore.VerifyProgress) {
		o.Progress(admin.VerifyProgress{Checked: p.Checked, Damaged: p.Damaged, Unreadable: p.Unreadable})
	}})
	return err
}

func (m maintained) Backup(ctx context.Context, dir string, progress func(copied, total int64)) error {
	return m.Store.Backup(ctx, dir, progress)
}

func (maintained) Missing() []admin.Missing { return nil }

// newAiling returns one that repairs from sources, then by fetch.
func newAiling(t *testing.T, sources []mirror.Source, fetch func(context.Context, infohash.ID) bool) *ailing {
	t.Helper()
	n := &ailing{disk: &badDisk{FS: vfs.NewMem()}}
	var err error
	if n.segments, err = diskstore.Open(diskstore.Options{Dir: "/store", FS: n.disk, Logger: silent, MinFreeSpace: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.segments.Close() })
	n.node = &node{t: t, store: n.segments, srv: server.New(server.Options{
		Store: n.segments, MaxTorrentSize: 1_000_000, Logger: silent, Repair: n.Repair,
	})}
	n.cache = torrentcachev1.NewCacheServiceClient(rpc.InProcess(rpc.Chain{}, 10_000_000, n.srv.RegisterPublic))
	n.repairer = mirror.NewRepairer(n.srv.Copies(), sources, fetch)
	return n
}

// gives fails the test unless a reader gets torrent.
func (n *ailing) gives(torrent []byte) {
	n.t.Helper()
	id := parse(n.t, torrent).IDs().Primary()
	if answer, err := n.cache.GetTorrent(n.t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: id.String()}); err != nil || string(answer.GetTorrent()) != string(torrent) {
		n.t.Errorf("%s: %d bytes, %v", id, len(answer.GetTorrent()), err)
	}
}

// verify verifies, and returns how many torrents are lost, and were healed.
func (n *ailing) verify() (lost, healed int) {
	n.t.Helper()
	operator := admin.New(n.srv, admin.Options{Maintenance: maintained{n.segments}, Repair: n.repairer.All})
	err := operator.Verify(n.t.Context(), admin.VerifyOptions{Check: admin.CheckTorrent, Progress: func(p admin.VerifyProgress) {
		lost, healed = lost+len(p.Damaged)+len(p.Unreadable), int(p.Healed)
	}})
	if err != nil {
		n.t.Fatal(err)
	}
	return lost, healed
}

// Torrents that the disk does not read for now are fetched and stored anew: at once when readers
// meet them, however many readers there are, and the rest by one verification. The ranks stay.
func TestRepairOfUnreadable(t *testing.T) {
	source := newNode(t)
	for name, here := range map[string]*ailing{
		"mirror":   newAiling(t, []mirror.Source{feedOf(), source}, nil),
		"upstream": newAiling(t, nil, nil),
	} {
		t.Run(name, func(t *testing.T) {
			here.t, here.node.t = t, t
			if name == "upstream" {
				here.repairer = mirror.NewRepairer(here.srv.Copies(), nil, func(ctx context.Context, id infohash.ID) bool {
					got, err := source.store.Get(ctx, id, nil)
					return err == nil && here.srv.Copies().Keep(ctx, id, got.Bytes, store.RankFetched) == nil
				})
			}
			var torrents [][]byte
			for i := range 20 {
				torrents = append(torrents, torrenttest.Hybrid(fmt.Sprintf("%s %d", name, i)))
				source.put(torrents[i])
				here.put(torrents[i])
			}
			here.disk.fail()
			var readers sync.WaitGroup
			for range 50 {
				readers.Go(func() { here.gives(torrents[7]) })
			}
			readers.Wait()
			if lost, healed := here.verify(); lost != 0 || healed != 19 {
				t.Errorf("a verification finds %d lost, and %d healed; want 0, 19", lost, healed)
			}
			if lost, healed := here.verify(); lost != 0 || healed != 0 {
				t.Errorf("the next one finds %d lost, and %d healed", lost, healed)
			}
			for _, torrent := range torrents {
				here.gives(torrent)
				held, err := here.store.Has(t.Context(), parse(t, torrent).IDs().All())
				for _, h := range held {
					if err != nil || h.Rank != store.RankAnonymous {
						t.Errorf("it has the rank %d, %v", h.Rank, err)
					}
				}
			}
			if healed, failed := here.repairer.Counts(); healed < 20 || failed != 0 {
				t.Errorf("healed %d, failed %d", healed, failed)
			}
		})
	}
}

// A read that failed proves nothing: a torrent that nobody else has is there as before
// when the disk reads it.
func TestUnreadableThatNobodyHas(t *testing.T) {
	here := newAiling(t, []mirror.Source{newNode(t)}, nil)
	torrent := torrenttest.V2("a")
	id := here.put(torrent)
	here.disk.fail()
	if _, err := here.cache.GetTorrent(t.Context(), &torrentcachev1.GetTorrentRequest{InfoHash: id.String()}); err == nil {
		t.Error("it is read")
	}
	if lost, healed := here.verify(); lost != 1 || healed != 0 {
		t.Errorf("a verification finds %d lost, and %d healed; want 1, 0", lost, healed)
	}
	if !here.has(id) {
		t.Error("it counts as missing")
	}
	here.disk.mend()
	here.gives(torrent)
	if lost, _ := here.verify(); lost != 0 {
		t.Error("it is lost")
	}
}
