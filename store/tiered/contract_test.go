package tiered

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/torrentcache/torrentcache/infohash"
	"github.com/torrentcache/torrentcache/store"
	"github.com/torrentcache/torrentcache/store/memstore"
	"github.com/torrentcache/torrentcache/store/storetest"
)

// whole is a cache before a remote store of its own, which it closes.
type whole struct {
	*Store
	line   *line
	remote *memstore.Store
	dir    string
	fs     vfs.FS
}

// The contract is about answers, not about syncs, which take most of the time on a disk.
// A part of it is run on one.
func TestContract(t *testing.T) {
	reopen := func(t *testing.T, s store.Store) store.Store { return s.(*whole).reopened(t) }
	inMemory := func(*testing.T) (string, vfs.FS) { return "/cache", vfs.NewMem() }
	onDisk := func(t *testing.T) (string, vfs.FS) { return filepath.Join(t.TempDir(), "cache"), nil }
	t.Run("in memory", func(t *testing.T) { storetest.Run(t, contract(inMemory)) })
	t.Run("in memory, reopened", func(t *testing.T) {
		opener := contract(inMemory)
		opener.Reopen = reopen
		storetest.Run(t, opener)
	})
	t.Run("on disk, reopened", func(t *testing.T) {
		opener := contract(onDisk)
		opener.Reopen, opener.Only = reopen, []string{"Get", "Close"}
		storetest.Run(t, opener)
	})
}

func contract(place func(*testing.T) (string, vfs.FS)) storetest.Opener {
	return storetest.Opener{
		Open: func(t *testing.T, clock func() time.Time) store.Store {
			dir, fs := place(t)
			return openWhole(t, memstore.NewWithClock(clock), dir, fs)
		},
		Damage: func(_ *testing.T, s store.Store, id infohash.ID) {
			w := s.(*whole)
			w.remote.Damage(id)
			w.forget([]infohash.Set{id.Set()}) // a copy would be none the worse
		},
	}
}

func openWhole(t *testing.T, remote *memstore.Store, dir string, fs vfs.FS) *whole {
	t.Helper()
	l := &line{Store: remote, closes: true}
	s, err := Open(Options{Remote: l, Identity: "memory", Dir: dir, Size: MinSize, MaxStale: time.Minute, fs: fs, indexSize: smallIndex})
	if err != nil {
		t.Fatal(err)
	}
	return &whole{Store: s, line: l, remote: remote, dir: dir, fs: fs}
}

// reopened closes the cache alone and opens it again.
func (w *whole) reopened(t *testing.T) *whole {
	t.Helper()
	w.line.set(func(l *line) { l.closes = false })
	if err := w.Store.Close(); err != nil {
		t.Fatal(err)
	}
	return openWhole(t, w.remote, w.dir, w.fs)
}
